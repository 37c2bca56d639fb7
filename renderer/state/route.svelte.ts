/**
 * Which view is open, and on what.
 * Owner: the address (its fragment), so that reload, back and forward work. Seeded from it; lost with the window.
 */
export const views = ['build', 'run', 'runs', 'compare'] as const;
export type ViewName = (typeof views)[number];

export interface Route {
  readonly view: ViewName;
  /** A run's id, or the arms of a comparison. */
  readonly ids: readonly string[];
}

/** "#/compare/a,b" -> compare of a and b; anything else is the start. */
export function parseRoute(hash: string): Route {
  const [view, ids = ''] = hash.replace(/^#\/?/, '').split('/');
  const known = views.find((name) => name === view);
  const list = ids.split(',').filter(Boolean).map(decode);
  if (!known || (known === 'run' && list.length === 0)) return { view: 'build', ids: [] };
  return { view: known, ids: list };
}

export function printRoute(route: Route): string {
  const ids = route.ids.map(encodeURIComponent).join(',');
  return `#/${route.view}${ids ? `/${ids}` : ''}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export class RouteState {
  current = $state.raw<Route>({ view: 'build', ids: [] });

  constructor() {
    this.current = parseRoute(location.hash);
    addEventListener('hashchange', () => (this.current = parseRoute(location.hash)));
  }

  go(view: ViewName, ids: readonly string[] = []): void {
    const hash = printRoute({ view, ids });
    if (location.hash !== hash) location.hash = hash;
    this.current = { view, ids };
  }

  /** The same view on other things, without a new entry in the history. */
  replace(ids: readonly string[]): void {
    const route = { ...this.current, ids };
    history.replaceState(null, '', printRoute(route));
    this.current = route;
  }
}
