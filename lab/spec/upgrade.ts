import type { LabFault } from '../contract/errors.ts';
import { specVersion } from './schema.ts';

type Document = Readonly<Record<string, unknown>>;
/** Turns a document of one version into one of the next. Must not throw: what it cannot read it leaves for the validator. */
export type Upgrade = (document: Document) => Document;

/** By the version they start from. */
const upgrades: Readonly<Record<number, Upgrade>> = {};

export type Upgraded =
  { readonly document: unknown; readonly fault: null } | { readonly document: null; readonly fault: LabFault };

/**
 * Any JSON as a document of the present version. What is no object, or has no version, passes through: the validator says
 * what is wrong with it. A document of a later version is refused with both versions.
 */
export function upgradeSpec(
  json: unknown,
  steps: Readonly<Record<number, Upgrade>> = upgrades,
  latest: number = specVersion,
): Upgraded {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return { document: json, fault: null };
  let document = json as Document;
  const version = document['ablate'];
  if (typeof version !== 'number' || !Number.isInteger(version)) return { document, fault: null };
  if (version > latest) {
    const message = `ablate: this spec is of format ${version}; this version of the lab reads up to ${latest}. Update the lab.`;
    return { document: null, fault: { message } };
  }
  for (let at = version; at < latest; at++) {
    const step = steps[at];
    if (!step) return { document: null, fault: { message: `ablate: there is no format ${version}; write ${latest}.` } };
    document = { ...step(document), ablate: at + 1 };
  }
  return { document, fault: null };
}
