// What became of a pair of sockets, as one of a few outcomes: their names, and their colours in a picture.

/** @typedef {keyof typeof OUTCOMES} Outcome */

export const OUTCOMES = {
  refused: { text: 'refused', color: '#3b4a6b' },
  'cannot listen': { text: 'bound, cannot listen', color: '#7d8fb8' },
  beside: { text: 'beside it: no address in common', color: '#eceff4' },
  first: { text: 'shared: the first receives', color: '#8fbf9f' },
  either: { text: 'shared: either receives', color: '#f0c850' },
  second: { text: 'the second receives', color: '#d1603d' },
  unknown: { text: 'nobody receives, or not known', color: '#b8b8b8' },
};
