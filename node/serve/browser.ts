import { spawn } from 'node:child_process';

/** The command that opens an address in the user's browser; null where a desktop is missing. */
export function openCommand(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
): readonly [string, ...string[]] | null {
  if (platform === 'darwin') return ['open'];
  // `start` would go through a shell; this does not
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler'];
  return env['DISPLAY'] || env['WAYLAND_DISPLAY'] ? ['xdg-open'] : null;
}

/** Opens the default browser. Answers whether there was one to ask; it never fails. */
export async function openBrowser(address: string): Promise<boolean> {
  const command = openCommand(process.platform, process.env);
  if (!command) return false;
  const [program, ...first] = command;
  return new Promise((resolve) => {
    const child = spawn(program, [...first, address], { stdio: 'ignore', detached: true });
    child.on('error', () => resolve(false));
    child.on('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}
