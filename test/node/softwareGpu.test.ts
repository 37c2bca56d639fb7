// backend=webgpu by the plain command, in a process without any variable that helps, where the machine has no graphics driver, or drivers of
// cards that it has not.
import { afterAll, describe, expect, it } from 'vitest';
import type { RunDetails } from '../../lab/contract/records.ts';
import { nodeAdapter } from '../../engine/host/gpuBackend.node.ts';
import { isGpuWorthAsking, offerSoftwareGpu } from '../../engine/host/vulkan.node.ts';
import { Shell, tinySpec } from './cliProcess.ts';

const hasDriver = isGpuWorthAsking();
/** Of the drivers that are there; drivers may be there that find nothing to drive. */
const ofDrivers = await nodeAdapter();
offerSoftwareGpu();
const adapter = await nodeAdapter(true);
const missing = adapter ? undefined : 'neither a graphics driver that works nor a Chromium with SwiftShader was found';
const shell = new Shell();
afterAll(() => shell.close());

const spec = (kind: string) => ({
  ...tinySpec,
  model: { nodes: tinySpec.model.nodes.filter(({ id }) => id !== 'dense1' && id !== 'relu1') },
  training: { ...tinySpec.training, length: { steps: 6 } },
  backend: { kind, fallback: false },
});

describe('a machine without a graphics card', () => {
  it('trains on the software adapter for somebody who asks for the GPU, and says what that means', async ({ skip }) => {
    skip(missing !== undefined, missing);
    const { code, out, err } = await shell.run('run', shell.file('gpu.json', spec('webgpu')), '--json');
    expect(code, err).toBe(0);
    const { runs } = JSON.parse(out) as { runs: RunDetails[] };
    expect(runs[0]).toMatchObject({ backend: 'webgpu', status: 'finished' });
    expect(err).toContain('Trains on ');
    if (ofDrivers !== null) {
      expect(runs[0]!.backendChoice!.adapter).toBe(ofDrivers.name);
      return;
    }
    // of drivers that Dawn was asked about and refused it says itself why
    if (!hasDriver) expect(err).not.toContain('Warning');
    expect(runs[0]!.backendChoice!.adapter).toMatch(/swiftshader/i);
    expect(err).toMatch(/No graphics card was found: SwiftShader.* computes on the processor, slower than backend=cpu/);
  }, 60_000);

  it('stays on the CPU without a word where nobody asked for the GPU', async ({ skip }) => {
    skip(ofDrivers !== null, 'there is a graphics driver, whose adapter may be chosen');
    const { code, out, err } = await shell.run('run', shell.file('auto.json', spec('auto')), '--json');
    expect(code, err).toBe(0);
    const { runs } = JSON.parse(out) as { runs: RunDetails[] };
    expect(runs[0]!.backendChoice).toMatchObject({ asked: 'auto', backend: 'cpu', adapter: null });
    // Dawn writes warnings of its own where there is a driver to ask it about
    if (!hasDriver) expect(err).not.toMatch(/Warning|Vulkan|graphics/);
  });
});
