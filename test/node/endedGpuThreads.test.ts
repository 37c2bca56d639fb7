// Dawn ends the process for a thread that is ended within it, so this happens in a process of its own.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { offerSoftwareGpu } from '../../engine/host/vulkan.node.ts';

const missing = offerSoftwareGpu() ? undefined : 'neither a graphics driver nor a Chromium with SwiftShader was found';
const program = fileURLToPath(new URL('fixtures/endedGpuThreads.ts', import.meta.url));

it('threads that train on WebGPU can be ended at any moment, and the process lives', async ({ skip }) => {
  skip(missing !== undefined, missing);
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  expect(stdout).toContain('5 ended');
}, 240_000);
