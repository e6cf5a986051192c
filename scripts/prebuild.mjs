// Builds the binary of each platform into prebuilds/, checks them and writes their digests: npm run prebuild [file ...]
import { copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from './prebuild/build.mjs';
import { faultsOf } from './prebuild/check.mjs';
import { formatSums, sha256 } from './prebuild/sums.mjs';
import { PREBUILDS, TARGETS, targetOf } from './prebuild/targets.mjs';

const asked = process.argv.slice(2).map(targetOf);
const targets = asked.length === 0 ? TARGETS : asked;

for (const target of targets) {
  const started = performance.now();
  const path = join(PREBUILDS, target.file);
  // Never what an earlier run left, should this one fail.
  rmSync(path, { force: true });
  const built = build(target);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(built, path);
  const faults = faultsOf(path, target);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${target.file.padEnd(34)}${String(statSync(path).size).padStart(7)} bytes  ${seconds.padStart(6)} s`);
  for (const fault of faults) console.log(`  it ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

// The digests are those of a whole set.
if (asked.length === 0) {
  const sums = Object.fromEntries(TARGETS.map(({ file }) => [file, sha256(join(PREBUILDS, file))]));
  writeFileSync(join(PREBUILDS, 'SHA256SUMS'), formatSums(sums));
}
