import { valueSizeBytes, type Value } from '@syncline/stm'
import type { History } from './history.ts'
import { CLEARED, HOLDS, taken } from './payload.ts'
import type { Version } from './version.ts'

/**
 * A history as this device keeps it: `[KEPT, horizon, heads, awaited, …versions]`, the horizon `[generation, id]` or null, and each version as five
 * items: `kind, id, generation, parents, value`. Ids are taken as they are, so it never comes from elsewhere.
 */
const KEPT = 1
const ITEMS = 5

/** All that a history knows. */
export function keptOf({ versions, heads, awaited, horizon }: History): Value {
  const entries = Array.from(versions.values()).flatMap(({ id, generation, parents, value }): Value[] =>
    value === undefined ? [CLEARED, id, generation, parents, null] : [HOLDS, id, generation, parents, value],
  )
  return [KEPT, horizon === undefined ? null : [horizon.generation, horizon.id], heads, awaited, ...entries]
}

/** The history that was kept; undefined when it makes no sense. */
export function historyIn(payload: Value): History | undefined {
  if (!Array.isArray(payload) || payload[0] !== KEPT || payload.length % ITEMS !== 4) return undefined
  const [, horizon, heads, awaited, ...entries] = payload as readonly Value[]
  const versions = new Map<string, Version>()
  for (let i = 0; i < entries.length; i += ITEMS) {
    const version = versionIn(entries.slice(i, i + ITEMS))
    if (version === undefined) return undefined
    versions.set(version.id, version)
  }
  const above = horizonIn(horizon!)
  if (above === undefined || !areTexts(heads) || !areTexts(awaited)) return undefined
  if (heads.length === 0 || !heads.every((id) => versions.has(id))) return undefined
  return { versions, heads, awaited, horizon: above.horizon }
}

function versionIn([kind, id, generation, parents, given]: readonly Value[]): Version | undefined {
  if (typeof id !== 'string' || typeof generation !== 'number' || !areTexts(parents)) return undefined
  const value = kind === HOLDS ? taken(given!) : undefined
  if (value === undefined && kind !== CLEARED) return undefined
  return { id, generation, parents, value, sizeBytes: value === undefined ? 0 : valueSizeBytes(value) }
}

function horizonIn(data: Value): Pick<History, 'horizon'> | undefined {
  if (data === null) return { horizon: undefined }
  if (!Array.isArray(data)) return undefined
  const [generation, id] = data as readonly Value[]
  return typeof generation === 'number' && typeof id === 'string' ? { horizon: { generation, id } } : undefined
}

function areTexts(data: Value | undefined): data is readonly string[] {
  return Array.isArray(data) && data.every((one) => typeof one === 'string')
}
