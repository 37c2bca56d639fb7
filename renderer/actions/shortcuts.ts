export interface Keys {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

/** Whether the keys pressed are `shortcut`: "Mod+K", "Mod+Shift+Z", "Alt+1", "?", "Delete". */
export function matches(shortcut: string, keys: Keys, mac: boolean): boolean {
  const parts = shortcut.split('+');
  const key = parts.at(-1)!;
  const mod = parts.includes('Mod');
  const [command, other] = mac ? [keys.metaKey, keys.ctrlKey] : [keys.ctrlKey, keys.metaKey];
  if (command !== mod || other || keys.altKey !== parts.includes('Alt')) return false;
  // a key like "?" already needs Shift to be typed
  if (/^[a-z0-9]$/i.test(key) || key.length > 1) {
    if (keys.shiftKey !== parts.includes('Shift')) return false;
  }
  return keys.key.toLowerCase() === key.toLowerCase();
}

/** "Mod+Shift+Z" as people of this system read it. */
export function printShortcut(shortcut: string, mac: boolean): string {
  const names: Record<string, string> = mac
    ? { Mod: '⌘', Shift: '⇧', Alt: '⌥', Enter: '↵', Delete: '⌫' }
    : { Mod: 'Ctrl', Delete: 'Del' };
  return shortcut
    .split('+')
    .map((part) => names[part] ?? part)
    .join(mac ? '' : '+');
}

/** Whether the keys belong to where the text cursor is. */
export function typing(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return !/^(checkbox|radio|range|button|submit|file|color)$/.test(target.type);
  return target instanceof HTMLElement && (target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName));
}

export const isMac = (): boolean => /Mac|iPhone|iPad/.test(navigator.platform);
