// A file that is imported as text: vitest knows how, and scripts/build.mjs.
declare module '*?raw' {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: it is how vite gives the text of a file.
  export default text;
}
