/** Numbers as people read them: digits that mean something, units always. */

/** 60000 -> "60,000"; null -> "-". */
export function whole(value: number | null): string {
  if (value === null) return '-';
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** 1_234_567 -> "1.23 M"; below ten thousand in full. */
export function short(value: number | null): string {
  if (value === null) return '-';
  if (Math.abs(value) < 10_000) return Number.isInteger(value) ? whole(value) : significant(value, 3);
  const units = ['k', 'M', 'G', 'T'];
  let scaled = value / 1000;
  let unit = 0;
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${significant(scaled, 3)} ${units[unit]!}`;
}

/** With so many significant digits, never in exponents where a person would not write them. */
export function significant(value: number, digits: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -5 || magnitude > 14) return value.toExponential(digits - 1);
  const text = value.toPrecision(digits);
  return text.includes('e') ? whole(Number(text)) : text;
}

/** 0.9731 -> "97.31 %". */
export function percent(value: number | null): string {
  return value === null ? '-' : `${(value * 100).toFixed(2)} %`;
}

/** A loss: "0.2914". */
export function loss(value: number | null): string {
  return value === null ? '-' : value !== 0 && Math.abs(value) < 0.001 ? significant(value, 3) : value.toFixed(4);
}

/** 83.2 -> "1 min 23 s". */
export function duration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return '-';
  if (seconds < 0.1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const total = Math.round(seconds);
  const pad = (value: number) => String(value).padStart(2, '0');
  if (total < 3600) return `${Math.floor(total / 60)} min ${pad(total % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
  return `${Math.floor(minutes / 1440)} d ${pad(Math.floor((minutes % 1440) / 60))} h`;
}

/** Bytes in powers of 1000, as disks count: "47.0 MB". */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let scaled = value;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${unit === 0 ? scaled : significant(scaled, 3)} ${units[unit]!}`;
}

/** Local time, to the minute: "2031-05-04 17:08". */
export function time(milliseconds: number | null): string {
  if (milliseconds === null) return '-';
  const at = new Date(milliseconds);
  const pad = (value: number) => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

/** "1 run", "3 runs". */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${whole(count)} ${count === 1 ? noun : plural}`;
}
