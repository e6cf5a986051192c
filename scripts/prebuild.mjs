// Builds the binary of each platform into prebuilds/, checks them and writes their digests: npm run prebuild [-- --sample | file ...]
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from './prebuild/build.mjs';
import { faultsOf } from './prebuild/check.mjs';
import { formatSums, sha256 } from './prebuild/sums.mjs';
import { PREBUILDS, SAMPLE, TARGETS, targetOf } from './prebuild/targets.mjs';

const words = process.argv.slice(2);
const isSample = words.includes('--sample');
const asked = words.filter((word) => word !== '--sample').map(targetOf);
const targets = isSample ? SAMPLE : asked.length === 0 ? TARGETS : asked;

// Never what an earlier run left, should this one fail; and a sample is no part of an older set.
for (const { file } of isSample ? TARGETS : targets) rmSync(join(PREBUILDS, file), { force: true });

for (const target of targets) {
  const started = performance.now();
  const path = join(PREBUILDS, target.file);
  const built = build(target);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(built, path);
  const faults = faultsOf(path, target);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${target.file.padEnd(34)}${String(statSync(path).size).padStart(7)} bytes  ${seconds.padStart(6)} s`);
  for (const fault of faults) console.log(`  it ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

// The digests are those of a whole set, or of a whole sample.
if (asked.length === 0) {
  const made = TARGETS.map(({ file }) => file).filter((file) => existsSync(join(PREBUILDS, file)));
  const sums = Object.fromEntries(made.map((file) => [file, sha256(join(PREBUILDS, file))]));
  writeFileSync(join(PREBUILDS, 'SHA256SUMS'), formatSums(sums));
}
