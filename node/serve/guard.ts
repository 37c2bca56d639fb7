/**
 * Who may talk to the page server. It listens on the loopback address only, yet every page of every web site that is open
 * in a browser on this machine can send requests there too. Three attacks are shut out:
 *
 * - DNS rebinding: a site's own host name is made to point at 127.0.0.1, so that the browser takes our answers for the
 *   site's. The request then carries that name in `Host`; only names of the loopback address with our port are served.
 * - Cross-site requests and cross-site WebSocket hijacking: a foreign page opens our address. Its `Origin` (and
 *   `Sec-Fetch-Site`) says so. A WebSocket is not bound by the same-origin policy, so nobody but this check refuses it.
 * - Other programs and users of the machine: they can claim any header, but do not know the random token of this start.
 *
 * A pure function over plain data; test/node/guard.test.ts plays each attack.
 */
export interface GuardRequest {
  readonly kind: 'page' | 'socket';
  readonly method: string;
  /** Headers as received; undefined where there are none. */
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly fetchMode: string | undefined;
  /** What the caller offers as token; a page needs none, for its files are the same in every copy of the program. */
  readonly token: string | undefined;
}

export interface GuardRules {
  readonly port: number;
  readonly token: string;
}

export type Verdict = { readonly ok: true } | { readonly ok: false; readonly status: number; readonly reason: string };

/** Names under which a browser reaches 127.0.0.1. Not [::1]: nothing listens there. */
const loopbackNames = ['127.0.0.1', 'localhost'];

export function guard(request: GuardRequest, rules: GuardRules): Verdict {
  const hosts = loopbackNames.map((name) => `${name}:${rules.port}`);
  // browsers leave out the port that the scheme implies
  if (rules.port === 80) hosts.push(...loopbackNames);
  const host = request.host?.toLowerCase();
  if (host === undefined || !hosts.includes(host)) {
    return refuse(
      421,
      `this server answers to http://127.0.0.1:${rules.port} only, not to the host "${show(request.host)}"`,
    );
  }
  if (request.origin !== undefined && request.origin !== `http://${host}`) {
    return refuse(403, `requests of other sites are refused (origin "${show(request.origin)}")`);
  }
  if (request.kind === 'page') return guardPage(request);
  if (request.method !== 'GET') return refuse(405, 'a WebSocket begins with GET');
  if (request.origin === undefined && request.fetchSite !== undefined) {
    return refuse(403, 'a browser that opens a WebSocket says from where');
  }
  if (request.fetchSite !== undefined && request.fetchSite !== 'same-origin') {
    return refuse(403, `requests of other sites are refused (Sec-Fetch-Site "${show(request.fetchSite)}")`);
  }
  if (!sameText(request.token ?? '', rules.token)) {
    return refuse(
      401,
      'the token of this start is missing or wrong: open the address that was printed when it started',
    );
  }
  return { ok: true };
}

function guardPage(request: GuardRequest): Verdict {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return refuse(405, 'pages can be read only (GET and HEAD)');
  }
  // a link from elsewhere may open the page (the address bar and the terminal do the same), but nothing may embed its files
  const foreign = request.fetchSite === 'cross-site' || request.fetchSite === 'same-site';
  if (foreign && request.fetchMode !== 'navigate') {
    return refuse(403, `requests of other sites are refused (Sec-Fetch-Site "${show(request.fetchSite)}")`);
  }
  return { ok: true };
}

const refuse = (status: number, reason: string): Verdict => ({ ok: false, status, reason });

/** A header's text, fit for a message: short and printable. */
const show = (text: string | undefined): string => (text ?? '').replace(/[^\x20-\x7e]/g, '?').slice(0, 100);

/** Compares in a time that does not tell how much was right. */
export function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) difference |= a.charCodeAt(i % Math.max(a.length, 1)) ^ b.charCodeAt(i);
  return difference === 0;
}
