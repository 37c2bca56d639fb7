/** What a page is like for those who need contrast, names or a keyboard: looked at in the page as it is drawn. */
import type { Page } from '@playwright/test';

/**
 * Text that has too little contrast with what is behind it (WCAG 2.2, 1.4.3: 4.5 to 1, 3 to 1 where it is large), as sentences. Text
 * of controls that are off is left out, as the guideline does; so is what a canvas paints.
 */
export function faintTexts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    type Color = readonly [number, number, number, number];
    const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })!;
    const known = new Map<string, Color>();
    const read = (text: string): Color => {
      const old = known.get(text);
      if (old) return old;
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = text;
      context.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data as unknown as [number, number, number, number];
      const color = [r, g, b, a / 255] as const;
      known.set(text, color);
      return color;
    };
    const over = ([r, g, b, a]: Color, [R, G, B]: Color): Color => [
      r * a + R * (1 - a),
      g * a + G * (1 - a),
      b * a + B * (1 - a),
      1,
    ];
    const light = ([r, g, b]: Color): number => {
      const [x, y, z] = [r, g, b]
        .map((each) => each / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x! + 0.7152 * y! + 0.0722 * z!;
    };
    const behind = (element: Element | null): Color => {
      const layers: Color[] = [];
      for (let each = element; each; each = each.parentElement) {
        const style = getComputedStyle(each);
        // a card's stripe is a gradient from colour to panel: its last colour is what the text stands on
        const gradient = /.*(rgba?\([^)]*\))/.exec(style.backgroundImage)?.[1];
        const color = read(gradient ?? style.backgroundColor);
        if (color[3] > 0) layers.push(color);
        if (color[3] >= 1) break;
      }
      return layers.reduceRight<Color>((ground, color) => over(color, ground), [255, 255, 255, 1]);
    };
    const found = new Set<string>();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = (node.textContent ?? '').trim();
      const element = node.parentElement;
      if (text === '' || !element || element.closest('[aria-disabled], :disabled, .unseen, script, style, option, svg'))
        continue;
      if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      const style = getComputedStyle(element);
      const ground = behind(element);
      let opacity = 1;
      for (let each: Element | null = element; each; each = each.parentElement)
        opacity *= Number(getComputedStyle(each).opacity);
      const [r, g, b, a] = read(style.color);
      const front = over([r, g, b, a * opacity], ground);
      const [low, high] = [light(front), light(ground)].sort((x, y) => x - y) as [number, number];
      const ratio = (high + 0.05) / (low + 0.05);
      const size = Number.parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (large ? 3 : 4.5) - 0.005)
        found.add(`${ratio.toFixed(2)}: “${text.slice(0, 40)}” in ${element.className || element.tagName}`);
    }
    return [...found];
  });
}

/** Controls that a screen reader could not name. */
export function namelessControls(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const controls = document.querySelectorAll<HTMLElement>(
      'button, a[href], input, select, textarea, [role="button"], [role="tab"], [role="radio"], [role="switch"], [role="slider"], [role="dialog"], dialog',
    );
    const named = (element: HTMLElement): boolean => {
      const by = element.getAttribute('aria-labelledby');
      const labels =
        by
          ?.split(' ')
          .map((id) => document.getElementById(id)?.textContent ?? '')
          .join('') ?? '';
      const own = element.matches('input, select, textarea') ? '' : element.innerText;
      const label = [...((element as HTMLInputElement).labels ?? [])].map((each) => each.textContent).join('');
      return [element.getAttribute('aria-label'), labels, label, own, element.title].some(
        (text) => (text ?? '').trim() !== '',
      );
    };
    return [...controls]
      .filter((element) => element.checkVisibility() && !named(element))
      .map((element) => element.outerHTML.slice(0, 160));
  });
}

export interface Stop {
  /** What it is called. */
  readonly name: string;
  /** Whether anything about it looks different with the focus. */
  readonly seen: boolean;
}

/** Presses Tab until the focus is back where it was, or `most` times, and tells of each stop whether one sees it. */
export async function tabStops(page: Page, most = 120): Promise<Stop[]> {
  const stops: Stop[] = [];
  const keys = new Set<string>();
  for (let i = 0; i < most; i++) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(async () => {
      const element = document.activeElement as HTMLElement | null;
      if (!element || element === document.body) return null;
      const look = (): string =>
        // a field shows its focus on itself, or on the box that it stands in
        [element, element.parentElement!, element.parentElement!.parentElement ?? element]
          .map((each) => getComputedStyle(each))
          .map((style) =>
            [
              style.outlineStyle,
              style.outlineWidth,
              style.outlineColor,
              style.borderColor,
              style.boxShadow,
              style.backgroundColor,
            ].join(),
          )
          .join(';');
      const settle = (): Promise<unknown> =>
        Promise.allSettled(
          document
            .getAnimations()
            .filter((each) => each instanceof CSSTransition)
            .map((each) => each.finished),
        );
      await settle();
      const outlined = getComputedStyle(element);
      const ring = outlined.outlineStyle !== 'none' && Number.parseFloat(outlined.outlineWidth) > 0;
      const all = [...document.querySelectorAll('*')];
      const name =
        (element.getAttribute('aria-label') ?? element.innerText ?? '').trim() ||
        element.getAttribute('placeholder') ||
        element.id ||
        element.tagName;
      const key = String(all.indexOf(element));
      if (ring) return { key, name: name.slice(0, 60), seen: true };
      const withFocus = look();
      element.blur();
      await settle();
      const without = look();
      element.focus();
      return { key, name: name.slice(0, 60), seen: withFocus !== without };
    });
    if (stop === null) continue;
    if (keys.has(stop.key)) break;
    keys.add(stop.key);
    stops.push({ name: stop.name, seen: stop.seen });
  }
  return stops;
}
