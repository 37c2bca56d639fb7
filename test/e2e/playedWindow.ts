// Plays Electron around the built page of the hidden window, in a plain Chromium: a scheme is a server with the same headers, and
// Electron's ports are carried over by Playwright's channel to the browser. Everything else is the app's own code.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Browser, Page } from '@playwright/test';
import { gpuPorts } from '../../electron/channels.ts';
import { createGpuHost, type GpuHost, type MainPort } from '../../electron/gpu/host.ts';
import { servePage } from '../../electron/page.ts';
import { gpuHeaders } from '../../electron/security.ts';
import { mainPort } from '../electron/ports.ts';

/** Serves a folder on 127.0.0.1 as the app serves it over its own scheme. */
export async function serveAsApp(folder: string): Promise<{ address: string; close(): void }> {
  const answer = servePage(folder, gpuHeaders);
  const server = createServer((request, response) => {
    void answer({ method: request.method ?? 'GET', url: `ablate://gpu${request.url ?? '/'}` }).then(async (reply) => {
      response.writeHead(reply.status, Object.fromEntries(reply.headers));
      response.end(Buffer.from(await reply.arrayBuffer()));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { address: `http://127.0.0.1:${port}/index.html`, close: () => void server.close() };
}

const arrays = { Uint8Array, Int32Array, Float32Array, Float64Array };

/** A message as text: typed arrays as base64. Structured clone does not reach across Playwright's channel. */
const encode = (message: unknown): string =>
  JSON.stringify(message, (_key, value: unknown) => {
    if (!ArrayBuffer.isView(value)) return value;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { $array: value.constructor.name, base64: bytes.toString('base64') };
  });
const decode = (text: string): unknown =>
  JSON.parse(text, (_key, value: unknown) => {
    const { $array, base64 } = (value ?? {}) as { $array?: keyof typeof arrays; base64?: string };
    return $array === undefined ? value : new arrays[$array](new Uint8Array(Buffer.from(base64!, 'base64')).buffer);
  });

/** In the page, before its own script: ends of channels by number, and the same text form. */
const bridge = `
  const ports = new Map();
  const encode = (message) => JSON.stringify(message, (_key, value) => {
    if (!ArrayBuffer.isView(value)) return value;
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    let text = '';
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return { $array: value.constructor.name, base64: btoa(text) };
  });
  const decode = (text) => JSON.parse(text, (_key, value) => {
    if (value === null || value.$array === undefined) return value;
    return new globalThis[value.$array](Uint8Array.from(atob(value.base64), (c) => c.charCodeAt(0)).buffer);
  });
  globalThis.played = {
    open(...numbers) {
      const ends = numbers.map((number) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = ({ data }) => globalThis.toMain(number, encode(data));
        ports.set(number, port1);
        return port2;
      });
      window.postMessage(${JSON.stringify(gpuPorts)}, '*', ends);
    },
    deliver: (number, text) => ports.get(number).postMessage(decode(text)),
  };`;

/** The app's host for the GPU, whose window is a page of `browser`. */
export function playedGpuHost(
  browser: Browser,
  address: string,
  idle = 60_000,
): GpuHost & { readonly pages: Page[]; readonly complaints: string[] } {
  const pages: Page[] = [];
  const complaints: string[] = [];
  const inner = new Map<MainPort, MessagePort>();
  let numbers = 0;
  const host = createGpuHost({
    idle,
    channel: () => {
      const { port1, port2 } = new MessageChannel();
      const ends = { port1: mainPort(port1), port2: mainPort(port2) };
      inner.set(ends.port2, port2);
      return ends;
    },
    open: (gone) => {
      const byNumber = new Map<number, MessagePort>();
      let page: Page | undefined;
      const load = async (): Promise<void> => {
        page = await browser.newPage();
        pages.push(page);
        page.on('crash', () => gone('the process of its window ended (crashed)'));
        page.on('close', () => gone('its window was closed'));
        page.on('console', (message) => {
          if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
        });
        page.on('pageerror', (error) => complaints.push(error.message));
        await page.exposeFunction('toMain', (number: number, text: string) =>
          byNumber.get(number)?.postMessage(decode(text)),
        );
        await page.addInitScript(bridge);
        await page.goto(address);
      };
      return {
        ready: load(),
        send: (ports) => {
          const own = ports.map((port) => {
            const end = inner.get(port)!;
            const number = numbers++;
            byNumber.set(number, end);
            return { number, end };
          });
          const run = (code: string): Promise<unknown> => page!.evaluate(code).catch(() => undefined);
          let last = run(`played.open(${own.map(({ number }) => number).join()})`);
          for (const { number, end } of own) {
            end.on('message', (message: unknown) => {
              const text = encode(message);
              last = last.then(() => run(`played.deliver(${number}, ${JSON.stringify(text)})`));
            });
          }
        },
        destroy: () => void page?.close().catch(() => undefined),
      };
    },
  });
  return { start: (name, listener) => host.start(name, listener), close: () => host.close(), pages, complaints };
}
