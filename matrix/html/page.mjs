// The page of the matrix at work: reads its data, follows the choice, and says what becomes of the pair.
import { makeSquares } from './squares.mjs';

const data = JSON.parse(document.getElementById('data').textContent);
const KEYS = ['bind', 'listen', 'firstListen', 'receives'];
const { sharings: SHARINGS, owners: OWNERS, states: STATES, outcomes: OUTCOMES } = data.words;
const FIELDS = ['os', 'protocol', 'state', 'one', 'at', 'two', 'on', 'owner'];

/** An element: text is only ever text. */
function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const systemOf = (os) => data.systems.find((system) => system.os === os);
let choice = { os: data.systems[0].os, ...data.examples[0][1] };

/** What is known of a pair; undefined where the system has no such pair. */
function find({ os, protocol, state, one, at, two, on, owner }) {
  const { rows, seconds, legend } = systemOf(os);
  const character = rows[`${protocol} ${state} ${one} ${at}`]?.[seconds.indexOf(`${owner} ${two} ${on}`)];
  return character === undefined ? undefined : legend[data.alphabet.indexOf(character)];
}

const isServing = ({ protocol, state }) =>
  protocol === 'tcp' ? state === 'bound' || state === 'listening' : state === 'bound';
// Beside a first that serves nobody, a second that receives takes nothing from it.
const outcomeIn = (entry, pair) => (entry.outcome === 'second' && !isServing(pair) ? 'alone' : entry.outcome);

function chip(outcome, text = OUTCOMES[outcome].short) {
  const sign = make('span', { class: 'sign', 'aria-hidden': 'true' }, OUTCOMES[outcome].sign);
  return make('span', { class: 'chip', 'data-outcome': outcome }, sign, text);
}

// --- The choice ---

const inputs = {};

/** A group of radio buttons; what a system lacks is hidden. */
function radios(field, title, labels, legendClass) {
  const legend = make('legend', { class: legendClass }, title);
  const entries = Object.entries(labels).map(([value, label]) => {
    const input = make('input', { type: 'radio', name: field, value, onchange: () => choose({ [field]: value }) });
    return [value, input, make('label', {}, input, make('span', {}, label))];
  });
  inputs[field] = (wanted, allowed) => {
    for (const [value, input, label] of entries) {
      input.checked = value === wanted;
      input.disabled = !allowed.includes(value);
      label.hidden = input.disabled;
    }
  };
  return make('fieldset', { class: 'radios' }, legend, make('div', {}, ...entries.map(([, , label]) => label)));
}

function select(field, title) {
  const list = make('select', { id: field, onchange: () => choose({ [field]: list.value }) });
  inputs[field] = (wanted, allowed, labels) => {
    list.replaceChildren(...allowed.map((value) => make('option', { value }, labels?.[value] ?? value)));
    list.value = wanted;
  };
  return make('p', { class: 'field' }, make('label', { for: field }, title), list);
}

function addressesOf({ rows }) {
  const here = new Set(Object.keys(rows).map((key) => key.split(' ').slice(3).join(' ')));
  return data.addresses.filter((address) => here.has(address));
}

/** The nearest choice that the system has. */
function possible(wanted) {
  const system = systemOf(wanted.os) ?? data.systems[0];
  const states = data.states[wanted.protocol] ?? data.states.tcp;
  const one = (list, value, otherwise = list[0]) => (list.includes(value) ? value : otherwise);
  const addresses = addressesOf(system);
  return {
    os: system.os,
    protocol: wanted.protocol === 'udp' ? 'udp' : 'tcp',
    state: one(states, wanted.state, states.includes('listening') ? 'listening' : 'bound'),
    one: one(system.sharings, wanted.one),
    at: one(addresses, wanted.at),
    two: one(system.sharings, wanted.two),
    on: one(addresses, wanted.on),
    owner: one(system.owners, wanted.owner, system.owners.at(-1)),
  };
}

function choose(changes) {
  choice = possible({ ...choice, ...changes });
  // The address of the page names the pair, so that it can be passed on.
  history.replaceState(null, '', `#${FIELDS.map((field) => encodeURIComponent(choice[field])).join('/')}`);
  show();
}

function fromAddress() {
  const values = location.hash.slice(1).split('/');
  if (values.length !== FIELDS.length) return;
  try {
    choice = possible(Object.fromEntries(FIELDS.map((field, index) => [field, decodeURIComponent(values[index])])));
  } catch {
    // An address that is no address: the choice stays.
  }
}

function buildChoice() {
  const systems = Object.fromEntries(
    data.systems.map(({ os, title, isMeasured }) => [os, `${title}${isMeasured ? ' (measured)' : ''}`]),
  );
  const socket = (which, title, ...parts) =>
    make(
      'section',
      { class: `socket ${which}`, 'aria-labelledby': `${which}-title` },
      make('h2', { id: `${which}-title` }, title),
      ...parts,
    );
  const examples = data.examples.map(([title, pair]) =>
    make('button', { type: 'button', onclick: () => choose(pair) }, title),
  );
  document
    .getElementById('choice')
    .append(
      make(
        'div',
        { class: 'bar' },
        radios('os', 'System', systems),
        radios('protocol', 'Protocol', { tcp: 'TCP', udp: 'UDP' }),
      ),
      make('p', { id: 'origin', class: 'origin' }),
      make(
        'div',
        { class: 'examples', role: 'group', 'aria-label': 'Examples' },
        make('span', { 'aria-hidden': 'true' }, 'Try'),
        ...examples,
      ),
      make(
        'div',
        { class: 'sockets' },
        socket(
          'first',
          'First socket',
          radios('one', 'Options before bind()', SHARINGS),
          select('at', 'Address'),
          select('state', 'State'),
        ),
        socket(
          'second',
          'Second socket',
          radios('two', 'Options before bind()', SHARINGS),
          select('on', 'Address'),
          select('owner', 'Owner'),
        ),
      ),
    );
}

function showChoice() {
  const system = systemOf(choice.os);
  const addresses = addressesOf(system);
  inputs.os(
    choice.os,
    data.systems.map(({ os }) => os),
  );
  inputs.protocol(choice.protocol, ['tcp', 'udp']);
  for (const field of ['one', 'two']) inputs[field](choice[field], system.sharings);
  for (const field of ['at', 'on']) inputs[field](choice[field], addresses);
  inputs.state(choice.state, data.states[choice.protocol], STATES[choice.protocol]);
  inputs.owner(choice.owner, system.owners, OWNERS);
  const leftOut = system.leftOut.length > 0 ? ` Left out: ${system.leftOut.join('; ')}.` : '';
  document.getElementById('origin').textContent = `${system.title}: ${system.origin}${leftOut}`;
}

// --- What becomes of it ---

const valueIn = (entry, key) => entry.values[KEYS.indexOf(key)];

function sentence(entry, pair) {
  const { text } = OUTCOMES[outcomeIn(entry, pair)];
  const code = [valueIn(entry, 'bind'), valueIn(entry, 'listen')].find((value) => /^E/.test(value ?? ''));
  return code === undefined ? `${text}.` : `${text}: ${code}.`;
}

const RECEIVERS = {
  first: 'the first',
  second: 'the second',
  either: 'either of them',
  none: 'nobody',
  unknown: 'not known',
};

function steps(entry) {
  const titles = {
    bind: "The second's bind()",
    listen: "The second's listen()",
    firstListen: "Then the first's listen()",
    receives: 'Who receives',
  };
  const items = KEYS.flatMap((key, index) => {
    const value = entry.values[index];
    if (value === null) return [];
    const [text, name, where, url] = data.reasons[entry.reasons[index]] ?? [];
    const said = key === 'receives' ? RECEIVERS[value] : value === 'unknown' ? 'not known' : value;
    const kind = key === 'receives' ? 'who' : value === 'ok' ? 'ok' : value === 'unknown' ? 'unknown' : 'error';
    const source =
      text === undefined
        ? null
        : make('cite', {}, make('a', { href: url, rel: 'noreferrer' }, make('code', {}, name)), ` ${where}`);
    return make(
      'li',
      { 'data-kind': kind },
      make('h3', {}, titles[key]),
      make('p', { class: 'said' }, said),
      text === undefined ? null : make('p', { class: 'why' }, text),
      source,
    );
  });
  return make('ol', { class: 'steps' }, ...items);
}

/** The two sockets and whoever calls them; the words beside it say the same. */
function picture(entry, pair) {
  const receives = valueIn(entry, 'receives');
  const outcome = outcomeIn(entry, pair);
  // Where the second does not serve, whoever served before goes on.
  const isUnchanged =
    (outcome === 'refused' || outcome === 'cannot listen') &&
    pair.state === (pair.protocol === 'tcp' ? 'listening' : 'bound');
  const gets = (which) => receives === which || receives === 'either' || (which === 'first' && isUnchanged);
  const isRefused = !['ok', 'unknown'].includes(valueIn(entry, 'bind'));
  const cannot = /^E/.test(valueIn(entry, 'listen') ?? '');
  const labels = STATES[pair.protocol];
  const card = (which, sharing, address, note, status) =>
    make(
      'div',
      {
        class: `card ${which}`,
        'data-gets': String(gets(which)),
        'data-refused': String(which === 'second' && isRefused),
      },
      make('strong', {}, which === 'first' ? 'First' : 'Second'),
      make('code', {}, address),
      make('span', {}, SHARINGS[sharing]),
      make('span', { class: 'note' }, note),
      make('span', { class: 'status' }, status),
    );
  const secondStatus = isRefused ? 'refused' : cannot ? 'cannot listen' : gets('second') ? 'receives' : 'has the port';
  const caller = pair.protocol === 'tcp' ? 'A new connection' : 'A new datagram';
  const isCalled = receives !== null || isUnchanged;
  const nobody = outcome === 'beside' ? 'They have no address in common' : 'Nobody serves an address of both';
  const wire = (which) => make('div', { class: `wire ${which}`, 'data-gets': String(gets(which)) });
  return make(
    'div',
    { class: 'picture', 'aria-hidden': 'true' },
    card('first', pair.one, pair.at, labels[pair.state], gets('first') ? 'receives' : 'was here before'),
    card('second', pair.two, pair.on, OWNERS[pair.owner], secondStatus),
    wire('first'),
    wire('second'),
    make('div', { class: 'caller' }, isCalled ? `${caller} to an address of both` : nobody),
  );
}

/** The same pair on every system. */
function elsewhere() {
  const items = data.systems.map(({ os, title, isMeasured }) => {
    const pair = { ...choice, os };
    const entry = find(pair);
    const how = isMeasured ? 'measured' : 'predicted';
    if (entry === undefined)
      return make('li', {}, make('span', { class: 'name' }, title), make('span', { class: 'none' }, 'no such pair'));
    const button = make(
      'button',
      {
        type: 'button',
        'aria-current': os === choice.os ? 'true' : false,
        onclick: () => {
          choose({ os });
          document.querySelector('.elsewhere [aria-current]').focus();
        },
      },
      make('span', { class: 'name' }, title),
      chip(outcomeIn(entry, pair)),
      make('small', {}, how),
    );
    return make('li', {}, button);
  });
  return make('section', { class: 'elsewhere' }, make('h3', {}, 'The same pair elsewhere'), make('ul', {}, ...items));
}

// A screen reader hears this one sentence, and not the whole of what changed.
const status = make('p', { class: 'headline', role: 'status' });

function showOutcome() {
  const entry = find(choice);
  const system = systemOf(choice.os);
  const body = document.getElementById('outcome-body');
  if (entry === undefined) {
    status.textContent = 'This pair was not tried here.';
    status.dataset.outcome = 'unknown';
    body.replaceChildren(elsewhere());
    return;
  }
  status.textContent = sentence(entry, choice);
  status.dataset.outcome = outcomeIn(entry, choice);
  const otherwise = entry.predicted?.map((value, index) => `${KEYS[index]} ${value ?? 'not asked'}`).join(', ');
  body.replaceChildren(
    make(
      'p',
      { class: 'origin' },
      `${system.title}, ${system.isMeasured ? 'measured here' : 'predicted, not measured'}`,
    ),
    otherwise === undefined ? '' : make('p', { class: 'warning' }, `The rule predicts otherwise: ${otherwise}.`),
    picture(entry, choice),
    steps(entry),
    elsewhere(),
  );
}

const squares = makeSquares({
  data,
  make,
  chip,
  find,
  outcomeIn,
  addressesOf,
  chosen: () => choice,
  choose,
});

function show() {
  showChoice();
  showOutcome();
  squares.show();
}

buildChoice();
document.getElementById('outcome').append(make('h2', {}, 'What happens'), status, make('div', { id: 'outcome-body' }));
squares.build();
fromAddress();
choice = possible(choice);
show();
window.addEventListener('hashchange', () => {
  fromAddress();
  show();
});
document.querySelector('main').hidden = false;
