/**
 * Lets Dawn in Node find the software adapter (SwiftShader) that lies beside Chromium, where the machine has no Vulkan driver
 * of its own. The loader reads the environment when the process starts, so a program that wants the adapter starts itself
 * again with it (`withSoftwareGpu`), and the test runner gives it to its forks. Any other program gets it from
 * `node scripts/softwareGpu.ts <program> <arguments>`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findBrowser } from './browser.ts';

/** Where a graphics driver tells Vulkan's loader of itself. */
const driverFolders = ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d'];
const hasDriver = (): boolean => driverFolders.some((folder) => existsSync(folder) && readdirSync(folder).length > 0);

/** Variables that make the adapter visible; undefined where there is none to be found, or a driver that has the first say. */
export function softwareGpuEnvironment(): Record<string, string> | undefined {
  if (hasDriver()) return undefined;
  const browser = process.platform === 'linux' ? findBrowser() : undefined;
  if (browser === undefined) return undefined;
  const folder = dirname(browser);
  const driver = join(folder, 'vk_swiftshader_icd.json');
  if (!existsSync(driver) || !existsSync(join(folder, 'libvulkan.so.1'))) return undefined;
  const libraries = [folder, process.env['LD_LIBRARY_PATH']].filter((path) => path !== undefined && path !== '');
  return {
    LD_LIBRARY_PATH: libraries.join(delimiter),
    VK_ICD_FILENAMES: process.env['VK_ICD_FILENAMES'] ?? driver,
    // silences the loader; it is not needed
    XDG_RUNTIME_DIR: process.env['XDG_RUNTIME_DIR'] ?? tmpdir(),
  };
}

/** Starts this program again with the software adapter in reach, once; returns where that is done already or not possible. */
export function withSoftwareGpu(): void {
  const environment = softwareGpuEnvironment();
  if (environment === undefined || process.env['ABLATE_SOFTWARE_GPU'] !== undefined) return;
  const { status } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, ...environment, ABLATE_SOFTWARE_GPU: '1' },
  });
  process.exit(status ?? 1);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [program, ...args] = process.argv.slice(2);
  if (program === undefined) {
    console.error('usage: node scripts/softwareGpu.ts <program> <arguments>');
    process.exit(2);
  }
  const env = { ...process.env, ...softwareGpuEnvironment() };
  process.exit(spawnSync(program, args, { stdio: 'inherit', env }).status ?? 1);
}
