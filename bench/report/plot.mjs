// Draws a plot, which is plain data, as an SVG: the same bytes for the same data, legible on any background.
import { init, setPlatformAPI } from 'echarts';
import { bars, FONT, lines, short, TEXT, widthOf } from './plot-series.mjs';
import { rendered } from './svg.mjs';

/** @import { Axis, Plot } from '../group.ts' */

const WIDTH = 860;
const MARGIN = 16;
const FAINT = '#d0d7de';
const LEGEND_ROW = 26;

// Without a browser ECharts takes letters to be as narrow as Helvetica's, and a reader may have a wider font.
setPlatformAPI({
  measureText: (text, font) => ({ width: text.length * Number(/(\d+)px/.exec(font ?? '')?.[1] ?? FONT) * 0.58 }),
});

/** @param {number} value */
const powerBelow = (value) => 10 ** Math.floor(Math.log10(value) + 1e-9);
/** @param {number} value */
const powerAbove = (value) => 10 ** Math.ceil(Math.log10(value) - 1e-9);

/**
 * Every value of a plot, and the ends of its range.
 * @param {Plot['series']} series
 */
const heightsOf = (series) =>
  series.flatMap(({ points }) => points.flatMap(([, ...heights]) => heights.filter((height) => height !== undefined)));

/**
 * The rows that the legend takes.
 * @param {string[]} names
 */
function legendRows(names) {
  let [rows, left] = [1, 0];
  for (const name of names) {
    const width = widthOf(name) + 46;
    if (left > 0 && left + width > WIDTH - 2 * MARGIN) [rows, left] = [rows + 1, 0];
    left += width;
  }
  return rows;
}

/**
 * The bounds of what is drawn: a logarithmic axis shows whole powers of ten, any other begins at nothing.
 * @param {number[]} values
 * @param {Omit<Axis, 'name'>} axis
 * @returns {{ min: number, max?: number }}
 */
function bounds(values, { log, max: limit }) {
  const shown = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  const [least, most] = [Math.min(...shown), Math.max(...shown)];
  if (!log) return { min: Math.min(0, least), ...(limit === undefined ? {} : { max: limit }) };
  return { min: powerBelow(least), max: Math.max(powerAbove(most), powerBelow(least) * 10) };
}

/**
 * From the first to the last; powers of two are shown as such.
 * @param {Plot['x']} axis
 * @param {number[]} places
 */
function across({ log, categories }, places) {
  if (categories !== undefined) return {};
  const [min, max] = [Math.min(...places), Math.max(...places)];
  if (!log) return { min, max };
  return places.every((at) => Number.isInteger(Math.log2(at))) ? { logBase: 2, min, max } : bounds(places, { log });
}

/**
 * @param {Plot['x']} axis
 * @param {{ label?: object, [name: string]: unknown }} more
 */
function axis({ name, log, categories }, { label, ...more }) {
  return {
    name,
    nameTextStyle: { color: TEXT, fontSize: FONT },
    axisLabel: {
      color: TEXT,
      fontSize: FONT,
      ...(categories === undefined ? { formatter: short } : { interval: 0 }),
      ...label,
    },
    axisLine: { show: true, lineStyle: { color: TEXT } },
    axisTick: { show: true, alignWithLabel: true },
    splitLine: { show: categories === undefined, lineStyle: { color: FAINT } },
    ...(categories === undefined ? { type: log ? 'log' : 'value' } : { type: 'category', data: categories }),
    ...more,
  };
}

/**
 * @param {Plot} spec
 * @param {{ min: number, max?: number }} range
 */
function barLayout(spec, range) {
  const { x, y, series } = spec;
  const { categories = [] } = x;
  const solid = series.filter(({ mark }) => !mark).length;
  const row = Math.max(...categories.map((name) => name.split('\n').length * 16 + 8), solid * 18 + 8);
  // Room for the figure beside the longest bar.
  const room = y.log || y.max !== undefined ? {} : { boundaryGap: [0, '8%'] };
  return {
    above: 0,
    height: categories.length * row + 44,
    xAxis: axis(y, { ...range, ...room, nameLocation: 'middle', nameGap: 28 }),
    yAxis: axis(x, { inverse: true, label: { lineHeight: 15 } }),
    left: Math.max(...categories.map(widthOf)) + MARGIN,
    right: y.log || y.max !== undefined ? 64 : 32,
    series: bars(spec, range),
  };
}

/**
 * @param {Plot} spec
 * @param {{ min: number, max?: number }} range
 */
function lineLayout(spec, range) {
  const { x, y, series } = spec;
  const places = series.flatMap(({ points }) => points.map(([at]) => Number(at)));
  const highest = range.max ?? Math.max(...heightsOf(series));
  const left = Math.max(64, widthOf(short(highest)) + MARGIN);
  const right = x.categories === undefined ? Math.max(28, widthOf(short(Math.max(...places))) / 2 + 4) : 28;
  const label = x.categories && { width: (WIDTH - left - right) / x.categories.length - 4, overflow: 'break' };
  return {
    height: 400,
    above: 24,
    xAxis: axis(x, { ...across(x, places), label, nameLocation: 'middle', nameGap: 30, splitLine: { show: false } }),
    yAxis: axis(y, {
      ...range,
      nameTextStyle: { color: TEXT, fontSize: FONT, align: 'left', padding: [0, 0, 0, MARGIN - left] },
    }),
    left,
    right,
    series: lines(spec, range),
  };
}

/**
 * The SVG of a plot: bench/families.mjs says what a plot is.
 * @param {Plot} spec
 */
export function svgOf(spec) {
  const { kind, title, y, series } = spec;
  const values = heightsOf(series);
  const range = bounds(values, y);
  const { height, above, left, right, ...axes } = { bar: barLayout, line: lineLayout }[kind](spec, range);
  const names = series.map(({ name }) => name);
  const legend = names.length > 1 ? legendRows(names) * LEGEND_ROW : 0;
  const top = 44 + legend + above;
  const full = top + height;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: full });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'sans-serif' },
    title: { text: title, left: MARGIN, top: 12, textStyle: { color: TEXT, fontSize: 16, fontWeight: 'bold' } },
    legend: {
      show: legend > 0,
      data: names,
      left: MARGIN,
      top: 40,
      itemGap: 12,
      itemWidth: 26,
      itemHeight: 14,
      textStyle: { color: TEXT, fontSize: FONT },
      selectedMode: false,
    },
    grid: { left, right, top, bottom: 48, outerBoundsMode: 'none' },
    ...axes,
  });
  return rendered(chart);
}

/**
 * What a plot shows, for those who do not see it; the figures are in the tables beside it.
 * @param {Plot} plot
 */
export function altOf({ kind, title, x, y, series }) {
  const names = series.length > 1 ? series.map(({ name }) => name) : (x.categories ?? []);
  const over = kind === 'line' ? [`over ${x.name}`] : [];
  const told =
    names.length > 0 && names.length < 10 ? [names.map((name) => name.replaceAll('\n', ' ')).join('; ')] : [];
  return `${[title, y.name, ...over].join(', ')}${told.length > 0 ? `: ${told}` : ''}`.replaceAll(/[[\]]/g, '');
}
