/**
 * npm run bench [-- --quick] [--json] [--threads 1,2] [--workload W1,W2]
 *
 * Milliseconds per training step of the cpu backend, by threads, against the reference backend (on a tiny net) and PyTorch
 * (where python3 has it). All contestants of a workload take turns, so that a busy machine hits them alike.
 */
import { parseArgs } from 'node:util';
import type { Backend } from '../engine/backend.ts';
import { cpuBackend } from '../engine/cpu/index.ts';
import { referenceBackend } from '../engine/reference/index.ts';
import { makeStepper, type Stepper } from './stepper.ts';
import { timeTorch, torchMissing, type TorchTiming } from './torch.ts';
import { workloads, type Workload } from './workloads.ts';

interface Row {
  readonly workload: string;
  readonly contestant: string;
  readonly threads: number;
  /** Milliseconds per step. */
  readonly median: number;
  readonly least: number;
  readonly imagesPerSecond: number;
  readonly note: string;
}

interface Contestant {
  readonly name: string;
  readonly backend: Backend;
  readonly threads: number;
}

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    threads: { type: 'string', default: '1,2' },
    workload: { type: 'string' },
  },
});

const rounds = flags.quick ? 4 : 10;
const secondsPerRound = flags.quick ? 0.25 : 0.5;
const warmUpSteps = 10;

function chosenThreads(): number[] {
  const threads = flags.threads.split(',').map(Number);
  if (threads.some((count) => !Number.isInteger(count) || count < 1)) {
    throw new Error(`--threads takes whole numbers like 1,2, not "${flags.threads}".`);
  }
  return threads;
}

function chosenWorkloads(): Workload[] {
  const names = flags.workload?.split(',') ?? workloads.map(({ name }) => name);
  return names.map((name) => {
    const found = workloads.find((workload) => workload.name === name);
    if (!found) throw new Error(`No workload "${name}"; there are ${workloads.map((w) => w.name).join(', ')}.`);
    return found;
  });
}

/** Steps for `seconds` and appends each step's milliseconds. */
function timeSteps(stepper: Stepper, seconds: number, times: number[]): void {
  const end = performance.now() + 1000 * seconds;
  let before = performance.now();
  do {
    stepper.step();
    const now = performance.now();
    times.push(now - before);
    before = now;
  } while (before < end);
}

async function measure(workload: Workload, contestants: readonly Contestant[], torch: boolean): Promise<Row[]> {
  const entries = [];
  for (const contestant of contestants) {
    const stepper = await makeStepper(workload, contestant.backend, contestant.threads);
    for (let i = 0; i < warmUpSteps; i++) stepper.step();
    entries.push({ contestant, stepper, times: [] as number[] });
  }
  const torchTimes = new Map<number, TorchTiming[]>();
  for (let round = 0; round < rounds; round++) {
    for (const { stepper, times } of entries) timeSteps(stepper, secondsPerRound, times);
    if (!torch || round % 4 !== 0) continue;
    for (const threads of chosenThreads()) {
      const timings = torchTimes.get(threads) ?? [];
      timings.push(timeTorch(workload.name, threads, 2 * secondsPerRound));
      torchTimes.set(threads, timings);
    }
  }
  const rows: Row[] = [];
  const add = (contestant: string, threads: number, median: number, least: number, note: string): void => {
    const imagesPerSecond = Math.round((1000 * workload.batch) / median);
    rows.push({ workload: workload.name, contestant, threads, median, least, imagesPerSecond, note });
  };
  for (const { contestant, stepper, times } of entries) {
    const loss = await stepper.loss();
    if (!Number.isFinite(loss)) throw new Error(`${workload.name} on ${contestant.name}: the loss became ${loss}.`);
    times.sort((a, b) => a - b);
    const note = `${(stepper.bytes / 2 ** 20).toFixed(0)} MiB, loss ${loss.toFixed(3)}`;
    add(contestant.name, contestant.threads, times[times.length >> 1]!, times[0]!, note);
    await stepper.dispose();
  }
  for (const [threads, timings] of torchTimes) {
    const best = timings.reduce((a, b) => (b.median < a.median ? b : a));
    add(
      'pytorch',
      threads,
      best.median,
      Math.min(...timings.map(({ least }) => least)),
      `${best.version}, ${best.blas}`,
    );
  }
  return rows;
}

function print(workload: Workload, rows: readonly Row[]): void {
  console.log(`\n${workload.name}  ${workload.title}`);
  const [first] = rows;
  for (const row of rows) {
    const label = `${row.contestant} ${row.threads} thread${row.threads === 1 ? '' : 's'}`.padEnd(22);
    const time = `${row.median.toFixed(3).padStart(9)} ms (least ${row.least.toFixed(3)})`;
    const ratio = first && row !== first ? `${(first.median / row.median).toFixed(2)}x` : '1.00x';
    console.log(
      `  ${label} ${time.padEnd(30)} ${String(row.imagesPerSecond).padStart(8)} images/s ${ratio.padStart(8)}  ${row.note}`,
    );
  }
}

const threads = chosenThreads();
const missing = torchMissing();
const all: Row[] = [];
for (const workload of chosenWorkloads()) {
  const contestants: Contestant[] = threads.map((count) => ({ name: 'cpu', backend: cpuBackend, threads: count }));
  if (workload.tiny) contestants.push({ name: 'reference', backend: referenceBackend, threads: 1 });
  const rows = await measure(workload, contestants, missing === null && !workload.tiny);
  all.push(...rows);
  if (!flags.json) print(workload, rows);
}
if (flags.json)
  console.log(JSON.stringify({ rows: all, missing: missing === null ? {} : { pytorch: missing } }, null, 2));
else if (missing !== null) console.log(`\nPyTorch was not measured: ${missing}.`);
