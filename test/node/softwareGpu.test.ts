// backend=webgpu by the plain command, in a process without any variable that helps, where the machine has no graphics driver.
import { afterAll, describe, expect, it } from 'vitest';
import type { RunDetails } from '../../lab/contract/records.ts';
import { isGpuWorthAsking, offerSoftwareGpu } from '../../engine/host/vulkan.node.ts';
import { Shell, tinySpec } from './cliProcess.ts';

const hasDriver = isGpuWorthAsking();
const missing = offerSoftwareGpu() ? undefined : 'neither a graphics driver nor a Chromium with SwiftShader was found';
const shell = new Shell();
afterAll(() => shell.close());

const spec = (kind: string) => ({
  ...tinySpec,
  model: { nodes: tinySpec.model.nodes.filter(({ id }) => id !== 'dense1' && id !== 'relu1') },
  training: { ...tinySpec.training, length: { steps: 6 } },
  backend: { kind, fallback: false },
});

describe('a machine without a graphics driver', () => {
  it('trains on the software adapter for somebody who asks for the GPU, and says what that means', async ({ skip }) => {
    skip(missing !== undefined, missing);
    const { code, out, err } = await shell.run('run', shell.file('gpu.json', spec('webgpu')), '--json');
    expect(code, err).toBe(0);
    const { runs } = JSON.parse(out) as { runs: RunDetails[] };
    expect(runs[0]).toMatchObject({ backend: 'webgpu', status: 'finished' });
    expect(err).toContain('Trains on ');
    expect(err).not.toContain('Warning');
    if (hasDriver) return;
    expect(runs[0]!.backendChoice!.adapter).toMatch(/swiftshader/i);
    expect(err).toMatch(/No graphics card was found: SwiftShader.* computes on the processor, slower than backend=cpu/);
  }, 60_000);

  it('stays on the CPU without a word where nobody asked for the GPU', async ({ skip }) => {
    skip(hasDriver, 'there is a graphics driver, whose adapter may be chosen');
    const { code, out, err } = await shell.run('run', shell.file('auto.json', spec('auto')), '--json');
    expect(code, err).toBe(0);
    const { runs } = JSON.parse(out) as { runs: RunDetails[] };
    expect(runs[0]!.backendChoice).toMatchObject({ asked: 'auto', backend: 'cpu', adapter: null });
    // Dawn would write warnings of its own if it were asked
    expect(err).not.toMatch(/Warning|Vulkan|graphics/);
  });
});
