/**
 * npm run bench: the cpu backend's speed, in turns with other libraries on the same networks. `--help` lists the options, docs/
 * performance.md says how to read the output.
 */
import { fileURLToPath } from 'node:url';
import { measureConcurrency, printConcurrency } from './concurrent.ts';
import { Contestant } from './contestant.ts';
import { guardResults, guardRounds, readBaseline, tolerance, writeBaseline } from './guard.ts';
import { describeMachine } from './machine.ts';
import { measure, measurePeaks } from './measure.ts';
import { readOptions, usage, type Options, type Variant } from './options.ts';
import { peers } from './peers/index.ts';
import { measureNetPrecision, printNetPrecision } from './netPrecision.ts';
import { measurePrecision, printPrecision } from './precision.ts';
import { measurePipeline, printPipeline } from './pipeline.ts';
import { printProfile, profileWorkload } from './profile.ts';
import { printWorkload, results, type Own, type Result } from './report.ts';
import type { Workload } from './workloads.ts';

const child = fileURLToPath(new URL('children/ablate.ts', import.meta.url));

function ownContestant(name: string, variant: Variant, threads: number): Contestant {
  const flags = variant === 'revectorize' ? ['--experimental-wasm-revectorize'] : [];
  const args = ['--disable-warning=ExperimentalWarning', ...flags, child, String(threads), variant];
  return new Contestant({ name, command: process.execPath, args });
}

function ownContestants(options: Options): { own: Own[]; contestants: Contestant[] } {
  const own = options.variants.flatMap((variant) =>
    options.threads.map((threads): Own => ({ name: `cpu ${variant} ${threads}t`, variant, threads })),
  );
  const contestants = own.map(({ name, variant, threads }) => ownContestant(name, variant, threads));
  return { own, contestants };
}

/** The results of one measurement of `chosen`. Throws where the cpu backend cannot run a workload. */
async function race(
  chosen: readonly Workload[],
  options: Options,
  { own, contestants }: ReturnType<typeof ownContestants>,
  others: readonly Contestant[],
  peaks: ReadonlyMap<string, number>,
): Promise<Result[]> {
  const all: Result[] = [];
  const end = performance.now() + options.totalMs;
  for (const [index, workload] of chosen.entries()) {
    const racing = workload.tiny ? contestants : [...contestants, ...others];
    const now = performance.now();
    const until = now + (end - now) / (chosen.length - index);
    const measurement = await measure(workload, racing, { ...options, until });
    for (const { name } of own) {
      const why = measurement.failures.get(name);
      if (why !== undefined) throw new Error(`${workload.name} on ${name}: ${why}`);
    }
    const lines = results(measurement, own, peaks);
    all.push(...lines);
    if (!options.json) printWorkload(measurement, lines);
  }
  return all;
}

async function compare(options: Options): Promise<void> {
  const machine = describeMachine();
  const ours = ownContestants(options);
  const chosen = peers.filter(({ name }) => options.peers.includes(name));
  const missing: Record<string, string> = {};
  for (const peer of chosen) {
    const why = peer.missing();
    if (why !== null) missing[peer.name] = why;
  }
  const others = chosen
    .filter(({ name }) => missing[name] === undefined)
    .flatMap((peer) => peer.programs(options.threads))
    .map((program) => new Contestant(program));
  try {
    const peaks = await measurePeaks(ours.contestants);
    if (!options.json) {
      console.log(
        `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node} (V8 ${machine.v8}), load ${machine.load}`,
      );
      for (const [name, gflops] of peaks) {
        console.log(`  ${name}: ${gflops.toFixed(1)} GFLOP/s of fused multiply-adds per thread`);
      }
    }
    const all = await race(options.workloads, options, ours, others, peaks);
    const versions = Object.fromEntries(others.map(({ program, note }) => [program.name, note]));
    if (options.json) {
      const document = { results: all, peers: versions, missing, peaks: Object.fromEntries(peaks), machine };
      console.log(JSON.stringify(document, null, 2));
    } else {
      console.log('');
      for (const [name, note] of Object.entries(versions)) console.log(`${name}: ${note}`);
      for (const [name, why] of Object.entries(missing)) console.log(`${name} was not measured: ${why}.`);
    }
    if (options.baseline) writeBaseline(all, machine.cpu);
    if (options.guard) {
      await guard(all, machine.cpu, (names) =>
        race(
          options.workloads.filter(({ name }) => names.includes(name)),
          { ...options, json: true },
          ours,
          others,
          peaks,
        ),
      );
    }
  } finally {
    for (const contestant of [...ours.contestants, ...others]) contestant.kill();
  }
}

async function guard(
  all: readonly Result[],
  cpu: string,
  measureAgain: (workloads: readonly string[]) => Promise<Result[]>,
): Promise<void> {
  const { compared, fallen, otherMachine } = await guardResults(all, readBaseline(), cpu, (names, round) => {
    console.error(`${names.join(', ')} fell below the baseline; round ${round} of ${guardRounds} measures again.`);
    return measureAgain(names);
  });
  if (otherMachine !== null) console.error(`The baseline was measured on another machine (${otherMachine}).`);
  for (const line of fallen) console.error(`Slower: ${line}`);
  console.error(
    `${compared} ratios compared with bench/baseline.json, ${fallen.length} fell by more than ${100 * tolerance} %.`,
  );
  if (fallen.length > 0) process.exitCode = 1;
}

async function profile(options: Options): Promise<void> {
  const profiles = [];
  for (const workload of options.workloads) {
    for (const threads of options.threads) {
      const result = await profileWorkload(workload, threads, options);
      profiles.push(result);
      if (!options.json) printProfile(result);
    }
  }
  if (options.json) console.log(JSON.stringify({ machine: describeMachine(), profiles }, null, 2));
}

async function pipeline(options: Options): Promise<void> {
  const all = [];
  for (const workload of options.workloads) {
    for (const threads of options.threads) {
      const lines = await measurePipeline(workload, threads, options);
      all.push(...lines);
      if (!options.json) printPipeline(lines);
    }
  }
  if (options.json) console.log(JSON.stringify({ machine: describeMachine(), pipeline: all }, null, 2));
}

async function precision(options: Options): Promise<void> {
  const layers = await measurePrecision();
  if (!options.json) printPrecision(layers);
  const nets = await measureNetPrecision();
  if (options.json) console.log(JSON.stringify({ layers, nets }, null, 2));
  else printNetPrecision(nets);
}

async function concurrent(options: Options): Promise<void> {
  const threads = Math.max(...options.threads);
  const all = [];
  for (const workload of options.workloads) {
    const start = (count: number): Contestant => ownContestant('cpu', options.variants[0] ?? 'stock', count);
    const result = await measureConcurrency(workload, threads, options, start);
    all.push(result);
    if (!options.json) printConcurrency(result);
  }
  if (options.json) console.log(JSON.stringify({ machine: describeMachine(), concurrency: all }, null, 2));
}

if (process.argv.join(' ').includes('--backend webgpu')) {
  await import('./gpu/main.ts');
  process.exit();
}

const options = readOptions(
  process.argv.slice(2),
  peers.map(({ name }) => name),
);
if (options === null) console.log(usage);
else if (options.concurrent) await concurrent(options);
else if (options.profile) await profile(options);
else if (options.pipeline) await pipeline(options);
else if (options.precision) await precision(options);
else await compare(options);
