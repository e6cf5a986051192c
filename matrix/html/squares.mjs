// Every pair of options and addresses, with the state and the owner that are chosen: a grid of squares that keys move in.

/** What the page has, and the squares need. */
export function makeSquares({ data, make, chip, find, outcomeIn, addressesOf, chosen, choose }) {
  const { sharings: SHARINGS, short: SHORT, owners: OWNERS, states: STATES, outcomes: OUTCOMES } = data.words;
  let cells = [];

  function move(event) {
    const steps = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      Home: [0, -99],
      End: [0, 99],
    };
    const step = steps[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const row = cells.findIndex((line) => line.includes(event.target));
    const clamp = (value, length) => Math.max(0, Math.min(length - 1, value));
    const line = cells[clamp(row + step[0], cells.length)];
    line[clamp(cells[row].indexOf(event.target) + step[1], line.length)].click();
  }

  function show() {
    const choice = chosen();
    const system = data.systems.find(({ os }) => os === choice.os);
    const hadFocus = document.activeElement?.getAttribute('role') === 'gridcell';
    const addresses = addressesOf(system);
    const places = system.sharings.flatMap((sharing) => addresses.map((address) => [sharing, address]));
    const group = (sharing) => make('th', { scope: 'colgroup', colspan: addresses.length }, SHORT[sharing]);
    const head = make(
      'thead',
      {},
      make(
        'tr',
        {},
        make('td', { colspan: 2, rowspan: 2, class: 'corner' }, 'first ↓ second →'),
        ...system.sharings.map(group),
      ),
      make('tr', {}, ...places.map(([, on]) => make('th', { scope: 'col' }, make('span', {}, on)))),
    );
    cells = [];
    const body = make('tbody', {});
    for (const [index, [one, at]] of places.entries()) {
      const line = places.map(([two, on]) => {
        const pair = { ...choice, one, at, two, on };
        const entry = find(pair);
        const outcome = entry === undefined ? 'unknown' : outcomeIn(entry, pair);
        const isChosen = one === choice.one && at === choice.at && two === choice.two && on === choice.on;
        const name = `${entry === undefined ? 'not tried' : OUTCOMES[outcome].short}${entry?.predicted === undefined ? '' : ', predicted otherwise'}`;
        return make('td', {
          role: 'gridcell',
          tabindex: isChosen ? '0' : '-1',
          'aria-selected': String(isChosen),
          'aria-label': name,
          title: `${SHARINGS[one]} ${at} | ${SHARINGS[two]} ${on}: ${name}`,
          'data-outcome': outcome,
          'data-sign': OUTCOMES[outcome].sign,
          'data-wrong': entry?.predicted !== undefined,
          onclick: () => {
            choose({ one, at, two, on });
            document.querySelector('[role=gridcell][tabindex="0"]').focus();
          },
        });
      });
      cells.push(line);
      const heading =
        index % addresses.length === 0
          ? make('th', { scope: 'rowgroup', rowspan: addresses.length }, make('span', {}, SHORT[one]))
          : null;
      body.append(make('tr', {}, heading, make('th', { scope: 'row' }, at), ...line));
    }
    const grid = make(
      'table',
      { role: 'grid', 'aria-labelledby': 'all-title', 'aria-describedby': 'all-how', onkeydown: move },
      head,
      body,
    );
    document.getElementById('grid').replaceChildren(grid);
    const labels = STATES[choice.protocol];
    document.getElementById('all-how').textContent =
      `${system.title}, ${choice.protocol.toUpperCase()}. The first: ${labels[choice.state]}. The second: of ${OWNERS[choice.owner]}. Arrow keys move, and choose.`;
    if (hadFocus) grid.querySelector('[tabindex="0"]').focus({ preventScroll: true });
  }

  function build() {
    const legend = make(
      'ul',
      { class: 'legend' },
      ...Object.keys(OUTCOMES).map((outcome) => make('li', {}, chip(outcome))),
    );
    document
      .getElementById('all')
      .append(
        make('h2', { id: 'all-title' }, 'Every pair of options and addresses'),
        make('p', { id: 'all-how' }),
        legend,
        make('div', { id: 'grid', class: 'scroll' }),
      );
  }

  return { build, show };
}
