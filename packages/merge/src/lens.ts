import { setKey, StmError, toValue, type RefOptions, type Value } from '@syncline/stm'

/** The versions of what a ref holds that an app knows: it reads and writes the newest, whatever is stored. */
export interface Lens {
  /** The newest: what the app reads. */
  readonly version: number
  /** The oldest that can be written so that nothing is lost: code that knows it, and none that is newer, reads and writes what we write. */
  readonly writes: number
  /** What states were lifted to, so that one state is one value. */
  readonly known: WeakMap<object, Lifted<Value | undefined>>
  /** The value one version later than `from`. What an app gives is copied and checked; throws what its function throws. */
  up(value: Value, from: number): Value
  /** The value as it is written at version `to`. */
  down(value: Value, to: number): Value
}

/** Names of registers and values. */
export interface Registers {
  readonly [name: string]: Value
}

/**
 * A stored value that is of a later version than 1: `{ [VERSION]: version, value }`, without `value` when it was cleared. It stands where
 * the value would stand, so that every operation, state, content and inverse is what it was, and code of any version keeps it.
 */
const VERSION = '\u0000version'

/** Where the value in a stored value is. */
export const valuePath: readonly string[] = Object.freeze(['value'])

/** The register that says of a member that it was created, or brought back, where deletes yield: always cleared. */
export const KEPT = '\u0000kept'

/** Whether an app cannot use this as the name of a field. */
export function isReserved(name: string): boolean {
  return name === VERSION || name === KEPT
}

/** The version of a stored value. */
export function versionOf(stored: Value | undefined): number {
  return isVersioned(stored) ? stored[VERSION] : 1
}

/** The value in a stored value; undefined when it was cleared. */
export function plainOf(stored: Value | undefined): Value | undefined {
  return isVersioned(stored) ? stored.value : stored
}

/** What is stored of a value at a version. */
export function storedAs(value: Value | undefined, version: number): Value {
  return value === undefined ? { [VERSION]: version } : { [VERSION]: version, value }
}

interface Versioned {
  readonly [VERSION]: number
  readonly value?: Value
}

function isVersioned(stored: unknown): stored is Versioned {
  if (typeof stored !== 'object' || stored === null || !Object.hasOwn(stored, VERSION)) return false
  const { [VERSION]: version } = stored as Partial<Versioned>
  return Number.isSafeInteger(version) && version! >= 2
}

/** Throws for a value that would be taken for one of a later version. */
export function checkUnversioned(value: Value, where: string): Value {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, VERSION)) return value
  throw new StmError('invalid-value', `${where} has a key that stands for its version. Call the key otherwise.`)
}

/** The lens that the options of a ref say; undefined for version 1. Throws `StmError` `missing-upgrade` or `invalid-options`. */
export function lensOf(name: string, { version = 1, upgrade = {} }: RefOptions): Lens | undefined {
  if (!(Number.isSafeInteger(version) && version >= 1 && version <= MOST_VERSIONS)) {
    throw new StmError(
      'invalid-options',
      `"${name}" cannot have version ${String(version)}. Use whole numbers from 1 on.`,
    )
  }
  const extra = Object.keys(upgrade).find((step) => !(Number(step) >= 2 && Number(step) <= version))
  if (extra !== undefined) {
    throw new StmError(
      'invalid-options',
      `"${name}" has an upgrade to version ${extra}, and is of version ${version}. Name the steps from 2 to the version.`,
    )
  }
  const steps = Array.from({ length: version - 1 }, (_, i) => {
    const step = upgrade[i + 2]
    if (typeof step?.up === 'function') return step
    throw new StmError(
      'missing-upgrade',
      `"${name}" is of version ${version} and does not say how version ${i + 1} becomes version ${i + 2}. ` +
        `Give upgrade: { ${i + 2}: { up: (old) => … } }.`,
    )
  })
  if (version === 1) return undefined
  let writes = version
  while (writes > 1 && steps[writes - 2]!.down !== undefined) writes -= 1
  return {
    version,
    writes,
    known: new WeakMap(),
    up: (value, from) =>
      toValue(steps[from - 1]!.up(value), `What version ${from + 1} of "${name}" makes of version ${from}`),
    down(value, to) {
      let lowered = value
      for (let at = version; at > to; at--) {
        // The steps down to `writes` have it, and nothing is written below.
        lowered = toValue(steps[at - 2]!.down!(lowered), `What version ${at} of "${name}" makes for version ${at - 1}`)
      }
      return lowered
    },
  }
}

/** Throws for options with a version, where values have no shape that could change, or one that belongs to their items. */
export function checkNoVersion(name: string, options: RefOptions | undefined): void {
  if (options === undefined || (options.version === undefined && options.upgrade === undefined)) return
  throw new StmError(
    'invalid-options',
    `"${name}" cannot have versions: registers, groups, records and collections can. Make the items of a list the members of a collection.`,
  )
}

const MOST_VERSIONS = 1000

/** What stored values come to at the version that an app reads. */
export interface Lifted<V> {
  readonly value: V
  /** What keeps it from being of that version; undefined when it is. Then `value` is what is stored, as it is. */
  readonly problem: string | undefined
}

/** What a state comes to, found once for each. */
export function liftedOnce<V extends Value | undefined>(
  lens: Lens | undefined,
  state: object,
  lift: () => Lifted<V>,
): Lifted<V> {
  if (lens === undefined) return lift()
  // A state is always lifted by the same policy, which gives the same kind of value.
  const known = lens.known.get(state) as Lifted<V> | undefined
  if (known !== undefined) return known
  const made = lift()
  lens.known.set(state, made)
  return made
}

/** A stored value as the app reads it. */
export function lifted(stored: Value, lens: Lens | undefined): Lifted<Value | undefined> {
  const value = plainOf(stored)
  const version = versionOf(stored)
  const newest = lens?.version ?? 1
  if (version > newest) return { value, problem: isNewer(version, newest) }
  if (value === undefined || version === newest) return { value, problem: undefined }
  try {
    let now: Value = value
    for (let at = version; at < newest; at++) now = lens!.up(now, at)
    return { value: now, problem: undefined }
  } catch (error) {
    return { value, problem: failedIn(error) }
  }
}

/**
 * Stored registers as the app reads them: those of version 1 one version up, those of version 2 over them, and so on. So each merges by
 * itself, by whichever version it was written.
 */
export function liftedRegisters(stored: ReadonlyMap<string, Value>, lens: Lens | undefined): Lifted<Registers> {
  const newest = lens?.version ?? 1
  const most = newestIn(stored)
  if (most > newest) return { value: asStored(stored), problem: isNewer(most, newest) }
  let now: Record<string, Value> = {}
  try {
    for (let at = 1; at <= newest; at++) {
      // Where nothing is there is nothing to make something of.
      if (at > 1 && Object.keys(now).length > 0) now = { ...asObject(lens!.up(now, at - 1)) }
      for (const [name, one] of stored) {
        if (versionOf(one) !== at) continue
        const value = plainOf(one)
        if (value === undefined) delete now[name]
        else setKey(now, name, value)
      }
    }
    return { value: now, problem: undefined }
  } catch (error) {
    return { value: asStored(stored), problem: failedIn(error) }
  }
}

/** The greatest version in stored registers. */
export function newestIn(stored: ReadonlyMap<string, Value>): number {
  let most = 1
  for (const one of stored.values()) most = Math.max(most, versionOf(one))
  return most
}

/** Registers as an object; throws for what is none. */
export function asObject(value: Value): Registers {
  if (isObject(value)) return value
  throw new TypeError('An upgrade of a record gives an object of fields.')
}

/** Whether a value is an object of names and values. */
export function isObject(value: unknown): value is Registers {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

function asStored(stored: ReadonlyMap<string, Value>): Registers {
  const registers: Record<string, Value> = {}
  for (const [name, one] of stored) {
    const value = plainOf(one)
    if (value !== undefined) setKey(registers, name, value)
  }
  return registers
}

function isNewer(version: number, known: number): string {
  return `It was written at version ${version} and this code knows versions up to ${known}: update the app to change it.`
}

function failedIn(error: unknown): string {
  return `It is of an older version, and its upgrade threw: ${error instanceof Error ? error.message : String(error)}`
}

/** Said to whoever writes over what newer code has written. */
export function readOnly(address: string, version: number, known: number): StmError {
  return new StmError(
    'read-only-newer',
    `"${address}" was written at version ${version} and this code knows versions up to ${known}, so it can only be read here. Update the app.`,
  )
}
