import type { Backend, CompileOptions } from '../backend.ts';
import type { TrainingJob } from '../worker/protocol.ts';
import { scaleToUnitVariance, usesLsuv } from './lsuv.ts';
import { OpenStage } from './openStage.ts';
import type { PlannedStage, PreparedTraining } from './prepare.ts';
import { beginningOf, type Beginning } from './start.ts';

/** Has the first batch scale the weights that ask for it and were drawn; those that were taken over stay as they are. */
export async function scaleBeginning(
  { values, reused, step }: Beginning,
  open: OpenStage,
  backend: Backend,
  compile: CompileOptions,
): Promise<void> {
  const { plan, checked } = open.stage;
  const nodes = checked.nodes.filter(({ id }) => !reused.has(id));
  await scaleToUnitVariance(
    { plan, nodes, backend, compile, write: (executable) => open.writeStep(executable, step) },
    values,
  );
}

/**
 * The state before the first step, as a run of the job has it after its first batch has scaled the weights of LSUV: for those who
 * look at a run that has not begun. The very weights of a run on this backend; on another one they differ by rounding.
 *
 * @param stage that the run begins in
 */
export async function beginningOfRun(
  job: TrainingJob,
  prepared: PreparedTraining,
  stage: PlannedStage,
  backend: Backend,
  compile: CompileOptions,
): Promise<Beginning> {
  const begin = beginningOf(job, stage.checked, prepared.totalSteps);
  if (!usesLsuv(stage.checked.nodes.filter(({ id }) => !begin.reused.has(id)))) return begin;
  const open = await OpenStage.open(job, prepared, stage, backend, compile);
  try {
    await scaleBeginning(begin, open, backend, compile);
  } finally {
    await open.dispose();
  }
  return begin;
}
