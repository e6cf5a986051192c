// A matrix as a picture: a panel for each state of the first socket, a square for each pair of sockets.
import { init } from 'echarts';
import { rendered } from '../../bench/report/svg.mjs';
import { outcomeOf } from './built.mjs';
import { OUTCOMES } from './words.mjs';

/**
 * @import { CustomSeriesRenderItemAPI as Api } from 'echarts'
 * @import { CellSharing } from '../cells.ts'
 * @import { Pair } from './fold.mjs'
 * @import { Outcome } from './words.mjs'
 */

// Nine pixels a square with four kinds of sharing, twelve with three.
const PANEL = 216;
const LABELS = { left: 96, top: 64 };
const GAP = 26;
const COLUMNS = 4;
const HEAD = 64;
const FOOT = 70;

/** @param {{ sharing: string, address: string }} side */
const sideOf = ({ sharing, address }) => `${sharing} ${address}`;

/**
 * The cells of a panel, by the sides of its square.
 * @param {Pair[]} cells
 * @param {string[]} sides
 * @returns {Outcome[][]}
 */
function panelOf(cells, sides) {
  /** @type {Outcome[][]} */
  const grid = sides.map(() => []);
  for (const cell of cells)
    grid[sides.indexOf(sideOf(cell.first))][sides.indexOf(sideOf(cell.second))] = outcomeOf(cell.measured);
  return grid;
}

/**
 * Neighbours of one outcome are drawn as one rectangle: the picture is ten times smaller.
 * @param {Outcome[][]} grid
 */
function runsOf(grid) {
  const names = Object.keys(OUTCOMES);
  const runs = [];
  for (const [y, row] of grid.entries()) {
    let from = 0;
    for (let x = 1; x <= row.length; x++) {
      if (row[x] === row[from]) continue;
      runs.push([from, y, x, names.indexOf(row[from])]);
      from = x;
    }
  }
  return runs;
}

const colors = Object.values(OUTCOMES).map(({ color }) => color);

/**
 * @param {unknown} _
 * @param {Api} api
 */
function renderRun(_, api) {
  const [left, top, end, outcome] = [0, 1, 2, 3].map((dimension) => Number(api.value(dimension)));
  const [x, y] = api.coord([left, top]);
  const [right, bottom] = api.coord([end, top + 1]);
  const shape = { x, y, width: right - x, height: bottom - y };
  return { type: 'rect', shape, style: { fill: colors[outcome] } };
}

/**
 * The picture as SVG.
 * @param {{ title: string, sharings: readonly CellSharing[], cells: Pair[] }} matrix its cells are those of one owner of the second socket
 */
export function heatMap({ title, sharings, cells }) {
  const addresses = [...new Set(cells.map(({ second }) => second.address))];
  const sides = sharings.flatMap((sharing) => addresses.map((address) => sideOf({ sharing, address })));
  const panels = [...new Set(cells.map(({ protocol, first }) => `${protocol}, ${first.state}`))];
  const width = LABELS.left + COLUMNS * (PANEL + GAP);
  const rows = Math.ceil(panels.length / COLUMNS);
  const height = HEAD + rows * (PANEL + LABELS.top) + FOOT;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  /** @param {number} index */
  const at = (index) => ({
    left: LABELS.left + (index % COLUMNS) * (PANEL + GAP),
    top: HEAD + LABELS.top + Math.floor(index / COLUMNS) * (PANEL + LABELS.top),
  });
  /** @type {(gridIndex: number, more: object) => object} */
  const axis = (gridIndex, more) => ({
    gridIndex,
    type: 'value',
    min: 0,
    max: sides.length,
    interval: addresses.length,
    axisLabel: { show: false },
    axisTick: { show: false },
    axisLine: { show: true, onZero: false, lineStyle: { color: '#555' } },
    splitLine: { show: true, lineStyle: { color: '#555', width: 0.5 } },
    z: 3,
    ...more,
  });
  /** @type {(content: string, x: number, y: number, more?: object) => object} */
  const text = (content, x, y, more = {}) => ({
    type: 'text',
    silent: true,
    style: { text: content, x, y, fill: '#222', font: '11px sans-serif', ...more },
  });
  const group = PANEL / sharings.length;
  const labels = panels.flatMap((panel, index) => {
    const { left, top } = at(index);
    return [
      text(panel, left, top - 34, { font: 'bold 12px sans-serif' }),
      ...sharings.map((sharing, nth) =>
        text(sharing.replace('reuse-', ''), left + (nth + 0.5) * group, top - 16, { align: 'center' }),
      ),
      ...(index % COLUMNS === 0
        ? sharings.map((sharing, nth) => text(sharing, left - 8, top + (nth + 0.5) * group - 6, { align: 'right' }))
        : []),
    ];
  });
  const legend = Object.values(OUTCOMES).flatMap(({ text: label, color }, index) => {
    const x = LABELS.left + (index % COLUMNS) * (PANEL + GAP);
    const y = height - FOOT + 16 + Math.floor(index / COLUMNS) * 20;
    return [
      { type: 'rect', silent: true, shape: { x, y, width: 12, height: 12 }, style: { fill: color, stroke: '#555' } },
      text(label, x + 18, y + 1),
    ];
  });
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    title: {
      text: title,
      subtext: `down: the first socket, across: the second; in each group ${addresses.join(', ')}`,
      left: 8,
      top: 8,
      textStyle: { fontSize: 15, color: '#222' },
      subtextStyle: { color: '#555' },
    },
    grid: panels.map((_, index) => ({ ...at(index), width: PANEL, height: PANEL })),
    xAxis: panels.map((_, index) => axis(index, { position: 'top' })),
    yAxis: panels.map((_, index) => axis(index, { inverse: true })),
    series: panels.map((panel, index) => ({
      type: 'custom',
      xAxisIndex: index,
      yAxisIndex: index,
      silent: true,
      renderItem: renderRun,
      data: runsOf(
        panelOf(
          cells.filter(({ protocol, first }) => `${protocol}, ${first.state}` === panel),
          sides,
        ),
      ),
    })),
    graphic: [...labels, ...legend],
  });
  return rendered(chart);
}
