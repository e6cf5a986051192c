// The bind matrix as it is compiled, with the types of its source.

/** @type {typeof import('../index.ts')} */
export const {
  ADDRESSES,
  agrees,
  firstSockets,
  htmlOf,
  inWords,
  KEYS,
  MATRIX_RULES,
  machineOf,
  outcomeOf,
  pageData,
  PROTOCOLS,
  predict,
  SHARINGS,
  STATES,
  secondSockets,
} = await import(String(new URL('../../dist/matrix.cjs', import.meta.url)));
