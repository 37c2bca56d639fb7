/**
 * node bench/gpu/profile.ts W2[,W3] [f16]: the time of each dispatch of a step on the GPU, by the GPU's clock.
 *
 * Every dispatch has a pass of its own here, so that the clock can be read around it: the sum is larger than a step, in which they
 * follow each other in one pass. The least of several steps counts.
 */
import { nodeGpu, readExactClock } from '../../engine/host/gpu.node.ts';
import { offerSoftwareGpu } from '../../engine/host/vulkan.node.ts';
import { adapterName } from '../../engine/webgpu/device.ts';
import type { GpuExecutable } from '../../engine/webgpu/executable.ts';
import { measureOnDevice } from '../../engine/webgpu/autotune.ts';
import { classOf } from '../../engine/webgpu/forms.ts';
import { webgpuBackend } from '../../engine/webgpu/index.ts';
import { passTimer } from '../../engine/webgpu/passTimer.ts';
import { subgroupSizeOf } from '../../engine/webgpu/subgroups.ts';
import { defaultTuning } from '../../engine/webgpu/tuning.ts';
import { makeStepper } from '../stepper.ts';
import { workloads } from '../workloads.ts';

const [names = 'W2', storage = 'f32'] = process.argv.slice(2);
const rounds = 20;
const queuedSteps = 64;

offerSoftwareGpu();
readExactClock();
const clock = (): number => performance.now();
const tried = new Map<string, string[]>();
const whole = webgpuBackend(nodeGpu, {
  tuner: {
    clock,
    budget: 60_000,
    measure: async (plan, op, form) => {
      const ms = await measure(plan, op, form, clock);
      const key = classOf(plan, op, true)!;
      tried.set(key, [...(tried.get(key) ?? []), `${form} ${(1000 * ms).toFixed(1)}`]);
      return ms;
    },
  },
});
const device = await whole.device();
const { measure } = measureOnDevice(
  device,
  { ...defaultTuning(device.limits, device.adapter.isSoftware), subgroup: await subgroupSizeOf(device) },
  new Set(),
);
console.log(adapterName(device.adapter));
for (const name of names.split(',')) {
  const workload = workloads.find((each) => each.name === name);
  if (workload === undefined)
    throw new Error(`There is no workload "${name}"; choose from ${workloads.map((each) => each.name).join(', ')}.`);
  const begin = performance.now();
  const stepper = await makeStepper(
    workload,
    { ...whole, compile: (plan, wish) => whole.compile(plan, { ...wish, storage: storage === 'f16' ? 'f16' : 'f32' }) },
    1,
  );
  const compiled = performance.now() - begin;
  const executable = stepper.executable as unknown as GpuExecutable;
  // the GPU's clock rises with its load
  let queued = 0;
  for (let i = 0; i < 4; i++) {
    const start = clock();
    for (let step = 0; step < queuedSteps; step++) stepper.step();
    await stepper.loss();
    queued = (clock() - start) / queuedSteps;
  }
  const segment = workload.mode === 'infer' ? 'evaluateTrain' : 'train';
  const count = executable.dispatchesOf(segment);
  const least = new Array<number>(count).fill(Infinity);
  let labels: readonly string[] = [];
  for (let round = 0; round < rounds; round++) {
    const timer = passTimer(device, count);
    if (timer === undefined) throw new Error('This adapter lets nobody read its clock.');
    executable.timestamps = timer.next;
    labels = executable.runApart(segment);
    executable.timestamps = undefined;
    (await timer.milliseconds()).forEach((ms, i) => (least[i] = Math.min(least[i]!, ms)));
  }
  const sum = least.reduce((total, ms) => total + ms, 0);
  console.log(
    `\n${name} ${workload.title}: ${count} dispatches, ${sum.toFixed(3)} ms, with a full queue ${queued.toFixed(3)} ms; compiled in ${compiled.toFixed(0)} ms`,
  );
  least.forEach((ms, i) =>
    console.log(
      `  ${(1000 * ms).toFixed(1).padStart(8)} us  ${((100 * ms) / sum).toFixed(1).padStart(5)} %  ${labels[i]}`,
    ),
  );
  for (const [key, form] of Object.entries(executable.forms)) {
    console.log(`  ${form.padEnd(9)} ${key}\n            us: ${tried.get(key)?.join(', ') ?? ''}`);
  }
  await executable.dispose();
}
process.exit(0);
