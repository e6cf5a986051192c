// The same test projects under Wine, where test/fixtures/wine-expectations.json says which tests have to fail.
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import config from '../../vitest.config.mts';

const projects = (config.test?.projects ?? []) as TestProjectInlineConfiguration[];
const setupFiles = ['test/fixtures/wine.ts'];

// biome-ignore lint/style/noDefaultExport: vitest reads no other.
export default defineConfig({
  test: {
    ...config.test,
    projects: projects.map((project) => ({ ...project, test: { ...project.test, setupFiles } })),
  },
});
