/** Workloads on the webgpu backend, in Node or in a page. A step of a race ends when its loss has been read back. */
import { defaultStorage, type Executable, type Storage } from '../../engine/backend.ts';
import { adapterName, type GpuDevice, type GpuSource } from '../../engine/webgpu/device.ts';
import type { GpuExecutable } from '../../engine/webgpu/executable.ts';
import { webgpuBackend } from '../../engine/webgpu/index.ts';
import { passTimer } from '../../engine/webgpu/passTimer.ts';
import type { Server } from '../children/answer.ts';
import { makeStepper, type Stepper } from '../stepper.ts';
import { workloads } from '../workloads.ts';

/** What a workload's note says, as JSON. */
export interface GpuFigures {
  readonly dispatchesPerStep: number;
  readonly mebibytes: number;
  /** Milliseconds a step when many are queued before one is waited for, as training does. */
  readonly queuedMs: number;
  /** Share of that time in which the GPU computes, by its own clock; null where it has none to read. */
  readonly busy: number | null;
  /** Measured choices, by class of product. */
  readonly forms: Readonly<Record<string, string>>;
}

const warmUpSteps = 3;
const measuredMs = 400;
const mostQueued = 64;

async function figuresOf(device: GpuDevice, stepper: Stepper, segment: string): Promise<GpuFigures> {
  const executable = stepper.executable as Executable & Pick<GpuExecutable, 'timestamps' | 'dispatchesOf' | 'forms'>;
  const begin = performance.now();
  stepper.step();
  await stepper.loss();
  const single = performance.now() - begin;
  const steps = Math.max(1, Math.min(mostQueued, Math.round(measuredMs / single)));
  const queued = async (): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < steps; i++) stepper.step();
    await stepper.loss();
    return performance.now() - start;
  };
  const wall = Math.min(await queued(), await queued(), await queued());
  const timer = passTimer(device, steps);
  executable.timestamps = timer?.next;
  const timedWall = await queued();
  executable.timestamps = undefined;
  const passes = await timer?.milliseconds();
  return {
    dispatchesPerStep: executable.dispatchesOf(segment),
    mebibytes: Math.round(executable.bytes / 2 ** 20),
    queuedMs: wall / steps,
    busy: passes === undefined ? null : passes.reduce((sum, ms) => sum + ms, 0) / timedWall,
    forms: executable.forms,
  };
}

/** `storage`: how the values of the forward pass lie in memory. */
export async function gpuServer(source: GpuSource, storage: Storage = defaultStorage): Promise<Server> {
  const whole = webgpuBackend(source, { tuner: { clock: () => performance.now() } });
  const backend: typeof whole = { ...whole, compile: (plan, wish) => whole.compile(plan, { ...wish, storage }) };
  const device = await backend.device();
  let current: Stepper | undefined;
  return {
    note: `${adapterName(device.adapter)}${device.adapter.isSoftware ? ' (software)' : ''}`,
    load: async ({ name }) => {
      await current?.executable.dispose();
      const workload = workloads.find((each) => each.name === name)!;
      const stepper = await makeStepper(workload, backend, 1);
      current = stepper;
      for (let i = 0; i < warmUpSteps; i++) stepper.step();
      const loss = await stepper.loss();
      if (!Number.isFinite(loss)) throw new Error(`the loss became ${loss}`);
      const figures = await figuresOf(device, stepper, workload.mode === 'infer' ? 'evaluateTrain' : 'train');
      const step = async (): Promise<void> => {
        stepper.step();
        await stepper.loss();
      };
      return { step, note: JSON.stringify(figures) };
    },
  };
}
