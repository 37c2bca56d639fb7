/** The cpu backend as a contestant: node bench/children/ablate.ts THREADS stock|revectorize|reference */
import { tunedCpuBackend } from '../../engine/cpu/index.ts';
import { spawnHelper } from '../../engine/host/spawn.node.ts';
import { referenceBackend } from '../../engine/reference/index.ts';
import { measurePeak } from '../peak.ts';
import { makeStepper, type Stepper } from '../stepper.ts';
import { workloads } from '../workloads.ts';
import { serve } from './serve.ts';

const [threads = '1', variant = 'stock'] = process.argv.slice(2);
const backend = variant === 'reference' ? referenceBackend : tunedCpuBackend({ wide: variant !== 'stock' });
const warmUpSteps = 10;
const warmUpMs = 500;
let current: Stepper | undefined;

await serve({
  note: `Node ${process.versions.node}, V8 ${process.versions.v8}`,
  load: async ({ name }) => {
    await current?.executable.dispose();
    const workload = workloads.find((each) => each.name === name)!;
    const stepper = await makeStepper(workload, backend, Number(threads), spawnHelper);
    current = stepper;
    const end = performance.now() + warmUpMs;
    for (let i = 0; i < warmUpSteps && (i < 3 || performance.now() < end); i++) stepper.step();
    const loss = await stepper.loss();
    if (!Number.isFinite(loss)) throw new Error(`the loss became ${loss}`);
    const note = `${(stepper.executable.bytes / 2 ** 20).toFixed(0)} MiB`;
    return { step: () => stepper.step(), note };
  },
  peak: measurePeak,
});
