import { describe, expect, it } from 'vitest';
import { guard, sameText, type GuardRequest } from '../../node/serve/guard.ts';

const rules = { port: 4173, token: 'right-token' };
const page: GuardRequest = {
  kind: 'page',
  method: 'GET',
  host: '127.0.0.1:4173',
  origin: undefined,
  fetchSite: 'none',
  fetchMode: 'navigate',
  token: undefined,
};
/** What a browser sends when our own page opens its WebSocket. */
const socket: GuardRequest = {
  kind: 'socket',
  method: 'GET',
  host: '127.0.0.1:4173',
  origin: 'http://127.0.0.1:4173',
  fetchSite: 'same-origin',
  fetchMode: 'websocket',
  token: 'right-token',
};

const statusOf = (request: Partial<GuardRequest>, from: GuardRequest = socket) => {
  const verdict = guard({ ...from, ...request }, rules);
  return verdict.ok ? 200 : verdict.status;
};

describe('what is let in', () => {
  it('our own page and its WebSocket', () => {
    expect(guard(page, rules)).toEqual({ ok: true });
    expect(guard(socket, rules)).toEqual({ ok: true });
  });

  it('every name of the loopback address, in any case, with the origin of the same name', () => {
    for (const host of ['127.0.0.1:4173', 'localhost:4173', 'LOCALHOST:4173']) {
      expect(statusOf({ host, origin: `http://${host.toLowerCase()}` })).toBe(200);
    }
  });

  it("the page's own files, and a link from another site that opens the page", () => {
    expect(statusOf({ fetchSite: 'same-origin', fetchMode: 'no-cors' }, page)).toBe(200);
    expect(statusOf({ fetchSite: 'cross-site', fetchMode: 'navigate' }, page)).toBe(200);
    expect(statusOf({ method: 'HEAD' }, page)).toBe(200);
  });

  it('a program on this machine that is no browser but knows the token', () => {
    expect(statusOf({ origin: undefined, fetchSite: undefined, fetchMode: undefined })).toBe(200);
  });

  it('a host without a port where the scheme implies it', () => {
    const request = { ...page, host: '127.0.0.1' };
    expect(guard(request, { ...rules, port: 80 })).toEqual({ ok: true });
    expect(guard(request, rules)).toMatchObject({ ok: false });
  });
});

describe('DNS rebinding: a foreign name that points at 127.0.0.1', () => {
  const names = [
    'attacker.example:4173',
    'attacker.example',
    '127.0.0.1.attacker.example:4173',
    'localhost.attacker.example:4173',
    'attacker.example:4173@127.0.0.1:4173',
    '127.0.0.1:4174',
    '127.0.0.1',
    '127.0.0.2:4173',
    '0.0.0.0:4173',
    '[::1]:4173',
    '127.0.0.1:4173, attacker.example',
    '',
    undefined,
  ];
  for (const host of names) {
    it(`is refused for host ${JSON.stringify(host)}, whatever else is right`, () => {
      expect(statusOf({ host, origin: `http://${host ?? ''}` })).toBe(421);
      expect(statusOf({ host }, page)).toBe(421);
    });
  }
});

describe('cross-site WebSocket hijacking: a foreign page that opens our socket', () => {
  const origins = [
    'https://attacker.example',
    'http://127.0.0.1:4173.attacker.example',
    'http://127.0.0.1:9999',
    'https://127.0.0.1:4173',
    'http://127.0.0.1:4173/',
    'http://localhost:4173',
    'null',
    '',
  ];
  for (const origin of origins) {
    it(`is refused from origin ${JSON.stringify(origin)} even with the right token`, () => {
      expect(statusOf({ origin })).toBe(403);
    });
  }

  it('is refused when the browser says that it comes from elsewhere', () => {
    expect(statusOf({ fetchSite: 'cross-site' })).toBe(403);
    expect(statusOf({ fetchSite: 'same-site' })).toBe(403);
    expect(statusOf({ origin: undefined, fetchSite: 'cross-site' })).toBe(403);
    expect(statusOf({ origin: undefined, fetchSite: 'none' })).toBe(403);
  });
});

describe('cross-site requests for files', () => {
  it('are refused: scripts, images, frames and fetches of other sites', () => {
    for (const fetchMode of ['no-cors', 'cors', 'same-origin', undefined]) {
      expect(statusOf({ fetchSite: 'cross-site', fetchMode }, page)).toBe(403);
      expect(statusOf({ fetchSite: 'same-site', fetchMode }, page)).toBe(403);
    }
    expect(statusOf({ origin: 'https://attacker.example' }, page)).toBe(403);
  });

  it('are refused with any method that could change something', () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'get', '']) {
      expect(statusOf({ method }, page)).toBe(405);
    }
    expect(statusOf({ method: 'POST' })).toBe(405);
  });
});

describe('other programs and users of the machine', () => {
  it('are refused without the token of this start', () => {
    for (const token of [
      undefined,
      '',
      'wrong',
      'right-toke',
      'right-token ',
      'right-tokenright-token',
      'RIGHT-TOKEN',
    ]) {
      expect(statusOf({ token })).toBe(401);
    }
  });

  it('learn from a refusal neither the token nor raw header bytes', () => {
    const verdict = guard({ ...socket, host: `\u001b[31mevil\u0000${'x'.repeat(5000)}` }, rules);
    expect(verdict.ok).toBe(false);
    const { reason } = verdict as { reason: string };
    expect(reason.length).toBeLessThan(300);
    expect(reason).toMatch(/^[\x20-\x7e]*$/);
    expect(reason).not.toContain(rules.token);
  });
});

describe('sameText', () => {
  it('is equality', () => {
    const texts = ['', 'a', 'b', 'ab', 'ba', 'aab', 'abab', 'right-token'];
    for (const a of texts) for (const b of texts) expect(sameText(a, b)).toBe(a === b);
  });
});
