import { describe, expect, it } from 'vitest';
import { adapterName, type AdapterDescription } from '../../../engine/webgpu/device.ts';

const adapter = (more: Partial<AdapterDescription>): string =>
  adapterName({ vendor: '', architecture: '', device: '', description: '', isSoftware: false, ...more });

describe('an adapter', () => {
  it('is called what its device is called, with the driver', () => {
    const h100 = { vendor: 'nvidia', device: 'nvidia-h100-80gb-hbm3', description: 'NVIDIA: 580.159.04 580.159.4.0' };
    expect(adapter(h100)).toBe('NVIDIA H100 80GB HBM3 (driver 580.159.04)');
    expect(adapter({ vendor: 'nvidia', device: 'nvidia-geforce-rtx-4070-ti' })).toBe('NVIDIA GeForce RTX 4070 Ti');
    expect(adapter({ vendor: 'apple', device: 'apple-m2', description: 'Metal driver' })).toBe(
      'Apple M2 (Metal driver)',
    );
  });

  it('is told by vendor and architecture where it names no device', () => {
    expect(adapter({ vendor: 'nvidia', architecture: 'ampere' })).toBe('nvidia ampere');
    expect(adapter({ vendor: 'intel', architecture: 'gen-12lp', device: '0x46a6' })).toBe('intel gen-12lp');
    expect(adapter({})).toBe('unnamed adapter');
  });

  it('that computes on the processor is called as its driver calls itself', () => {
    const swiftShader = {
      device: 'swiftshader-device-subzero-',
      description: 'SwiftShader driver 5.0.0',
      isSoftware: true,
    };
    expect(adapter(swiftShader)).toBe('SwiftShader driver 5.0.0');
  });
});
