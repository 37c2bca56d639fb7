// The GPU in a process of its own, in the shells: what becomes of runs and of the lab when that process or the lab ends.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { nodeAdapter } from '../../engine/host/gpuBackend.node.ts';
import type { RunDetails, RunRecord } from '../../lab/contract/records.ts';
import { compose } from '../../node/compose.ts';
import { Shell, tinySpec, type Started } from './cliProcess.ts';
import { childrenOf, isAlive, until } from './processes.ts';

vi.setConfig({ testTimeout: 120_000 });

const missing =
  process.platform !== 'linux'
    ? 'children of a process are looked for in /proc'
    : (await nodeAdapter(true)) === null
      ? 'neither a graphics driver that works nor a Chromium with SwiftShader was found'
      : undefined;

const specOf = (steps: number, fallback: boolean) => ({
  ...tinySpec,
  training: { ...tinySpec.training, length: { steps }, evaluateEvery: { steps }, diagnostics: null },
  backend: { kind: 'webgpu', fallback, threads: 1 },
});
const gpuProcesses = (parent: number): number[] => childrenOf(parent, '/node/gpu/program.ts');

describe('a lab whose GPU process is killed', () => {
  const home = mkdtempSync(join(tmpdir(), 'ablate-gpu-'));
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it('lives on: the run goes on on the CPU, or fails and can be resumed where that is forbidden', async ({ skip }) => {
    skip(missing !== undefined, missing);
    const { lab, close } = await compose({ home, checkpointSeconds: 0.05 });
    try {
      /** Resolves with the run once it is as wanted. */
      const when = (id: string, wanted: (run: RunRecord) => boolean): Promise<RunRecord> =>
        new Promise((resolve) => {
          const off = lab.on((event) => {
            if (event.name !== 'run.changed' || event.data.run.id !== id || !wanted(event.data.run)) return;
            off();
            resolve(event.data.run);
          });
        });
      const start = async (fallback: boolean): Promise<string> => {
        const [run] = await lab.call('runs.create', { spec: specOf(3000, fallback) });
        return run!.id;
      };
      const killed = async (id: string, status: string): Promise<RunDetails> => {
        const over = when(id, (run) => run.status === status);
        await when(id, (run) => (run.checkpointStep ?? 0) > 0 && run.step > 0);
        const [pid, ...others] = gpuProcesses(process.pid);
        // those that were asked for the adapter are gone
        expect(others).toEqual([]);
        process.kill(pid!, 'SIGKILL');
        await over;
        return lab.call('runs.get', { id });
      };

      const saved = await killed(await start(true), 'finished');
      expect(saved).toMatchObject({ step: 3000, backend: 'cpu', error: null });
      const words = saved.events.filter(({ kind }) => kind === 'backend').at(-1)!.text;
      expect(words).toMatch(/The GPU failed after step \d+: What it ran in is gone: its process was ended by SIGKILL/);
      expect(words).toMatch(/The run goes on from its last checkpoint on the CPU\.$/);
      expect(saved.backendChoice!.reason).toContain('SIGKILL');

      const failed = await killed(await start(false), 'failed');
      expect(failed.error!.message).toMatch(
        /^The training worker died at step \d+: its process was ended by SIGKILL.*\. Resuming goes on from its last checkpoint, at step \d+\.$/s,
      );
      const further = when(failed.id, (run) => run.status === 'running' && run.step > failed.step);
      await lab.call('runs.resume', { id: failed.id });
      expect(await further).toMatchObject({ backend: 'webgpu' });
      await lab.call('runs.stop', { id: failed.id });

      // a warm worker, in a process that stays for the next question
      expect(await lab.call('machine.adapter', {})).toEqual({ adapter: await nodeAdapter() });
      expect(gpuProcesses(process.pid)).toHaveLength(1);
    } finally {
      await close();
    }
    await until(() => gpuProcesses(process.pid).length === 0);
  });
});

describe('a command that trains on the GPU', () => {
  const shell = new Shell();
  afterAll(() => shell.close());

  /** The command, once it has trained some steps, and its GPU's process. */
  async function training(): Promise<{ readonly started: Started; readonly pid: number }> {
    const path = shell.file('gpu.json', specOf(1_000_000, false));
    const checkpoints = join(shell.home, 'checkpoints');
    const before = existsSync(checkpoints) ? readdirSync(checkpoints) : [];
    const started = shell.start(['run', path, '--checkpoint-seconds', '0.1'], { ownGroup: true });
    await until(() => {
      if (started.child.exitCode !== null) throw new Error(`It ended: ${started.text()}`);
      return existsSync(checkpoints) && readdirSync(checkpoints).some((name) => !before.includes(name));
    });
    const [pid, ...others] = gpuProcesses(started.child.pid!);
    expect(others).toEqual([]);
    return { started, pid: pid! };
  }

  it.for([
    ['Ctrl+C, which every process of the terminal gets', 'SIGINT', -1, 130],
    ['SIGTERM', 'SIGTERM', 1, 143],
  ] as const)('ends with a checkpoint by %s', async ([, signal, group, code], { skip }) => {
    skip(missing !== undefined, missing);
    const { started, pid } = await training();
    process.kill(group * started.child.pid!, signal);
    const finished = await started.finished;
    expect(finished.code, finished.err).toBe(code);
    expect(finished.err).not.toContain('failed');
    const { runs } = await shell.json<{ runs: RunRecord[] }>('list', '--status', 'interrupted');
    expect(runs[0]!.step).toBeGreaterThan(0);
    expect(runs[0]!.checkpointStep).toBe(runs[0]!.step);
    await until(() => !isAlive(pid));
  });

  it('leaves no process behind when it is killed', async ({ skip }) => {
    skip(missing !== undefined, missing);
    const { started, pid } = await training();
    started.child.kill('SIGKILL');
    expect((await started.finished).signal).toBe('SIGKILL');
    await until(() => !isAlive(pid));
  });
});
