import type { JobOutput } from '../engine/index.ts';
import { LabError } from './contract/errors.ts';
import type { Jobs } from './ports.ts';
import type { Spec } from './spec/schema.ts';

export type AdapterAnswer = JobOutput<'adapter'>;

/** The machine's graphics adapter: one answer for the life of the program. A failure is asked again. */
export class MachineAdapter {
  readonly #jobs: Jobs;
  readonly #answers = new Map<boolean, Promise<AdapterAnswer>>();

  constructor({ jobs }: { readonly jobs: Jobs }) {
    this.#jobs = jobs;
  }

  /** `software`: one that computes on the processor will do, as it does for a run that asks for the GPU by name. */
  ask(software = false): Promise<AdapterAnswer> {
    const known = this.#answers.get(software);
    if (known) return known;
    const answer = this.#jobs.run('adapter', null, software ? { software } : {}).catch((error: unknown) => {
      this.#answers.delete(software);
      throw error;
    });
    this.#answers.set(software, answer);
    return answer;
  }

  /**
   * Throws LabError('spec') for a spec that asks for half precision on the GPU by name, where this machine's adapter has none. Where
   * no adapter answers, the run itself says best what is wrong.
   */
  async requireStorage({ backend: { kind, storage } }: Spec): Promise<void> {
    if (kind !== 'webgpu' || storage !== 'f16') return;
    const { adapter } = await this.ask(true).catch(() => ({ adapter: null }));
    if (adapter?.halves !== false) return;
    const message = `backend.storage: f16 needs a graphics adapter with half precision (the WebGPU feature shader-f16), and this machine's, ${adapter.name}, has none; choose backend.storage=f32, or queue the run on a machine whose adapter has it.`;
    throw new LabError('spec', `This machine cannot train the spec: ${message}`, [{ message }]);
  }
}
