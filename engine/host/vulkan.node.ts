import { existsSync, readdirSync } from 'node:fs';
import { constants, homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/**
 * Vulkan in this process, which Dawn needs on Linux. Dawn writes warnings of its own where the loader or a driver is missing, so
 * both are looked for before Dawn is asked.
 *
 * Chromium and its relatives bring a loader and a driver that computes on the processor, SwiftShader. Both can be had without a
 * variable set from outside: the loader reads the environment whenever an instance is made, and a library that is in the
 * process already is what `dlopen` by name gives Dawn.
 */
const loaderName = 'libvulkan.so.1';
const driverName = 'vk_swiftshader_icd.json';
/** Keeps a library in the process that turns out to be no module of Node's (RTLD_NODELETE of glibc and musl). */
const noDelete = 0x1000;

/** Where the loader looks for drivers: https://github.com/KhronosGroup/Vulkan-Loader, LoaderDriverInterface.md. */
function driverFolders(): string[] {
  const list = (name: string, byDefault: string): string[] =>
    (process.env[name] || byDefault).split(delimiter).filter((path) => path !== '');
  const roots = [
    process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'),
    ...list('XDG_CONFIG_DIRS', '/etc/xdg'),
    '/etc',
    process.env['XDG_DATA_HOME'] || join(homedir(), '.local/share'),
    ...list('XDG_DATA_DIRS', '/usr/local/share:/usr/share'),
    ...['/usr/local/share', '/usr/share', '/run/opengl-driver/share'],
  ];
  return roots.map((root) => join(root, 'vulkan/icd.d'));
}

const filesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

function hasDriver(): boolean {
  const named = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'];
  return (
    named.some((name) => process.env[name]) ||
    driverFolders().some((folder) => filesIn(folder).some((file) => file.endsWith('.json')))
  );
}

/** Loads a library for good. It is no module of Node's, which Node says by an error once it is there. */
function load(library: string): boolean {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_LAZY | noDelete);
    return true;
  } catch (error) {
    return error instanceof Error && /did not self-register/.test(error.message);
  }
}

/** Whether Dawn would find a driver in this process. Other systems have no Vulkan to ask for and are always worth a try. */
export function isGpuWorthAsking(): boolean {
  if (process.platform !== 'linux') return true;
  // drivers complain of a missing one on stderr, and need none
  process.env['XDG_RUNTIME_DIR'] ??= tmpdir();
  return hasDriver() && load(loaderName);
}

/** Folders of Chromium and its relatives. LAB_CHROMIUM names a browser, as for the tests. */
function browserFolders(): string[] {
  const cache =
    process.env['PLAYWRIGHT_BROWSERS_PATH'] ||
    join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'ms-playwright');
  const named = process.env['LAB_CHROMIUM'];
  return [
    ...(named ? [dirname(named)] : []),
    ...['/usr/lib/chromium', '/usr/lib64/chromium-browser', '/usr/lib/chromium-browser', '/opt/google/chrome'],
    ...['/opt/microsoft/msedge', '/opt/brave.com/brave', '/snap/chromium/current/usr/lib/chromium-browser'],
    ...filesIn(cache).flatMap((name) =>
      /^chromium/.test(name) ? filesIn(join(cache, name)).map((folder) => join(cache, name, folder)) : [],
    ),
  ];
}

const driverInBrowser = (): string | undefined =>
  browserFolders().find((folder) => existsSync(join(folder, driverName)));

/** Makes SwiftShader the one driver that an instance of Vulkan finds from now on. False where there is none. */
function useSoftwareDriver(): boolean {
  const folder = driverInBrowser();
  if (folder === undefined) return false;
  if (!load(loaderName) && !load(join(folder, loaderName))) return false;
  // a thread that shares the environment (node/gpu/program.ts) sets it for the process, which is where the loader reads it
  process.env['VK_ICD_FILENAMES'] = join(folder, driverName);
  return true;
}

let isOffered = false;

/** Whether somebody in this thread has asked for the GPU by name. */
export const isSoftwareOffered = (): boolean => isOffered;

/**
 * Lets SwiftShader stand in on a machine without a GPU, for somebody who asks for the GPU by name: at once where there is no driver,
 * and where the drivers there yield no adapter when Dawn has said so (`replaceUselessDrivers`). A driver that yields one stays
 * alone. Answers whether Dawn is worth asking now.
 */
export function offerSoftwareGpu(): boolean {
  isOffered = true;
  return isGpuWorthAsking() || (!hasDriver() && useSoftwareDriver());
}

/**
 * For a Dawn that found no adapter among the drivers that are there, as on a server with Mesa's drivers for cards that it has
 * not: puts SwiftShader in their place, if it was offered. True: a Dawn made from now on finds it. A driver that the user names by
 * a variable of the loader is never replaced.
 */
export function replaceUselessDrivers(): boolean {
  const isNamed = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'].some((name) => process.env[name]);
  return process.platform === 'linux' && isOffered && !isNamed && useSoftwareDriver();
}
