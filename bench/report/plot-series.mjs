// The bars and lines of a plot, with the range of each value, as ECharts draws them.

/**
 * @import { CustomSeriesRenderItemAPI as Api } from 'echarts'
 * @import { Plot, Point } from '../group.ts'
 */

export const TEXT = '#24292f';
export const FONT = 12;
const LETTER = 6.96;

// Okabe and Ito's, without the yellow that white swallows, and two more: distinct also for readers who do not see all colours.
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#882255', '#8a8a8a'];
const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond', 'emptyCircle', 'emptyRect', 'emptyTriangle', 'emptyDiamond'];
const DASHES = ['solid', 'dashed', 'dotted'];

/** @param {number} index */
const colorOf = (index) => COLORS[index % COLORS.length];
/** @param {string} text */
export const widthOf = (text) => Math.max(...text.split('\n').map((line) => line.length)) * LETTER;

/**
 * A number as people write it: three digits that count.
 * @param {number} value
 */
export function short(value) {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)) + 1e-9));
  const rounded = Number(value.toFixed(Math.min(digits, 6)));
  return rounded.toLocaleString('en', { maximumFractionDigits: 6 });
}

const silent = { silent: true, animation: false, emphasis: { disabled: true } };
/** @param {string} color */
const stroke = (color, width = 1.5) => ({ stroke: color, lineWidth: width, fill: 'none' });
/**
 * @param {number[][]} points
 * @param {object} style
 */
const path = (points, style) => ({ type: 'polyline', shape: { points }, style });

/**
 * What so much data takes, in pixels.
 * @type {(api: Api, data: number[]) => number[]}
 */
const sizeOf = (api, data) => [api.size?.(data) ?? []].flat();

/**
 * One bar of each category, or a mark, with the range of its value and the value itself.
 * @param {Plot} plot
 * @param {{ min: number }} bounds
 */
export function bars({ x: { categories = [] }, y, series }, { min }) {
  const solid = series.filter(({ mark }) => !mark);
  const marks = series.filter(({ mark }) => mark).flatMap(({ points }) => points);
  return series.map(({ name, points, mark }, index) => ({
    ...silent,
    name,
    type: 'custom',
    itemStyle: { color: colorOf(index) },
    encode: { x: [0, 2, 3], y: 1 },
    data: points.map(([at, median, low = median, high = median]) => [
      median,
      typeof at === 'string' ? categories.indexOf(at) : at,
      Math.max(low, y.log ? min : Number.NEGATIVE_INFINITY),
      high,
    ]),
    /** @type {(params: unknown, api: Api) => object} */
    renderItem(_, api) {
      const [median, category, low, high] = [0, 1, 2, 3].map((dimension) => Number(api.value(dimension)));
      /** @param {number} value */
      const place = (value) => api.coord([value, category]);
      const band = sizeOf(api, [0, 1])[1] * 0.76;
      const [right, middle] = place(median);
      /** @param {Point} point */
      const isHere = ([at]) => at === category || at === categories[category];
      const edges = [middle - band / 2, middle + band / 2];
      if (mark)
        return path(
          edges.map((at) => [right, at]),
          stroke(colorOf(index), 3),
        );
      const height = band / solid.length;
      const top = middle - band / 2 + height * solid.findIndex((one) => one.name === name);
      const center = top + height / 2;
      const [left] = place(min);
      const [from, to] = [place(low)[0], place(high)[0]];
      const tip = Math.min(4, height / 3);
      const caps = [from, to].map((end) =>
        path(
          [-tip, tip].map((by) => [end, center + by]),
          stroke(TEXT),
        ),
      );
      const range =
        low === high
          ? []
          : [
              path(
                [from, to].map((end) => [end, center]),
                stroke(TEXT),
              ),
              ...caps,
            ];
      const figure = short(median);
      const after = Math.max(right, to) + 6;
      const inTheWay = marks.filter(isHere).map(([, at]) => place(at)[0] + 6);
      const beside = Math.max(after, ...inTheWay.filter((at) => at > after && at < after + widthOf(figure) + 8));
      const text = { text: figure, x: beside, y: center };
      return {
        type: 'group',
        children: [
          {
            type: 'rect',
            shape: { x: Math.min(left, right), y: top + 1, width: Math.abs(right - left), height: height - 2 },
            style: { fill: colorOf(index) },
          },
          ...range,
          {
            type: 'text',
            style: { ...text, fill: TEXT, fontSize: FONT, verticalAlign: 'middle', stroke: '#ffffff', lineWidth: 3 },
          },
        ],
      };
    },
  }));
}

/**
 * A line through the medians, and behind it the band from the low to the high values.
 * @param {Plot} plot
 * @param {{ min: number }} bounds
 */
export function lines({ x: { categories = [] }, y, series }, { min }) {
  /** @param {string | number} at */
  const place = (at) => (typeof at === 'string' ? categories.indexOf(at) : at);
  return series.flatMap(({ name, points }, index) => {
    const color = colorOf(index);
    const bands = points.flatMap(([at, , low, high]) =>
      low === undefined || high === undefined ? [] : [{ at: place(at), low, high }],
    );
    const edge = [
      ...bands.map(({ at, low }) => [at, y.log ? Math.max(low, min) : low]),
      ...bands.toReversed().map(({ at, high }) => [at, high]),
    ];
    const band = {
      ...silent,
      name,
      type: 'custom',
      z: 1,
      // Every edge is data, so that the axis reaches it; the band is drawn with the first.
      data: bands.length > 1 ? edge : [],
      itemStyle: { color },
      /** @type {(params: { dataIndex: number }, api: Api) => object | undefined} */
      renderItem: ({ dataIndex }, api) =>
        dataIndex === 0
          ? {
              type: 'polygon',
              shape: { points: edge.map((point) => api.coord(point)) },
              style: { fill: color, opacity: 0.14 },
            }
          : undefined,
    };
    const line = {
      ...silent,
      name,
      type: 'line',
      data: points.map(([at, median]) => [place(at), median]),
      symbol: SYMBOLS[index % SYMBOLS.length],
      symbolSize: 8,
      itemStyle: { color },
      lineStyle: { color, width: 2, type: DASHES[Math.floor(index / 4) % DASHES.length] },
    };
    // The legend shows the first of a name.
    return [line, band];
  });
}
