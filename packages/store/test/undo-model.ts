/** What undo should do, told by a list of everything that was written: slow, obvious, and with nothing of a merge in it. */
export interface UndoModel {
  /** Everything that is read, as one text. */
  readonly reading: string
  undoable(tab: number): boolean
  redoable(tab: number): boolean
  /** A transaction of a tab. With `joins` it goes on with the step before, if nothing has come between. */
  write(tab: number, writes: Writes, joins: boolean): void
  take(tab: number, direction: 'undo' | 'redo'): Taken
  /** A reload ends groups. */
  reload(tab: number): void
  /** Everything as it is, to go on in another way. */
  copy(): UndoModel
}

export interface Writes {
  readonly set: Readonly<Record<string, string>>
  readonly add: Readonly<Record<string, number>>
}

export interface Taken {
  readonly isDone: boolean
  readonly superseded: readonly string[]
}

/** Who wrote last, 0 for nobody, and what. */
interface Cell {
  readonly value: string
  readonly stamp: number
}

interface Change {
  readonly stamp: number
  /** What stood in each register before. */
  readonly replaced: Readonly<Record<string, Cell>>
  readonly added: Readonly<Record<string, number>>
}

interface Tab {
  undos: Change[][]
  redos: Change[][]
  isOpen: boolean
  /** Which write stands where one of this tab's own undos has put it back: by the register and the stamp of the undo. */
  restored: Record<string, number>
}

interface Everything {
  cells: Record<string, Cell>
  counts: Record<string, number>
  tabs: Tab[]
  stamp: number
}

/** Begins with nothing written. */
export function createUndoModel(registers: readonly string[], counters: readonly string[], tabs: number): UndoModel {
  return modelOf({
    cells: Object.fromEntries(registers.map((name) => [name, { value: '', stamp: 0 }])),
    counts: Object.fromEntries(counters.map((name) => [name, 0])),
    tabs: Array.from({ length: tabs }, () => ({ undos: [], redos: [], isOpen: false, restored: {} })),
    stamp: 0,
  })
}

function modelOf(all: Everything): UndoModel {
  function apply(values: Readonly<Record<string, string>>, added: Readonly<Record<string, number>>): Change {
    const stamp = (all.stamp += 1)
    const replaced: Record<string, Cell> = {}
    for (const [name, value] of Object.entries(values)) {
      replaced[name] = all.cells[name]!
      all.cells[name] = { value, stamp }
    }
    for (const [name, delta] of Object.entries(added)) all.counts[name]! += delta
    return { stamp, replaced, added }
  }

  return {
    get reading() {
      return JSON.stringify([Object.values(all.cells).map(({ value }) => value), all.counts])
    },
    undoable: (tab) => all.tabs[tab]!.undos.length > 0,
    redoable: (tab) => all.tabs[tab]!.redos.length > 0,
    write(tab, { set, add }, joins) {
      const me = all.tabs[tab]!
      const change = apply(set, add)
      if (joins && me.isOpen) me.undos.at(-1)!.push(change)
      else me.undos.push([change])
      me.isOpen = joins
      me.redos = []
    },
    take(tab, direction) {
      const me = all.tabs[tab]!
      const [from, to] = direction === 'undo' ? [me.undos, me.redos] : [me.redos, me.undos]
      const step = from.pop()
      if (step === undefined) return { isDone: false, superseded: [] }
      me.isOpen = false
      const origin = (name: string, stamp: number): number => me.restored[`${name} ${stamp}`] ?? stamp
      const back: Record<string, Cell> = {}
      const added: Record<string, number> = {}
      const superseded = new Set<string>()
      for (const change of step.toReversed()) {
        for (const [name, before] of Object.entries(change.replaced)) {
          const standing = back[name] ?? all.cells[name]!
          if (origin(name, standing.stamp) === origin(name, change.stamp)) back[name] = before
          else superseded.add(name)
        }
        for (const [name, delta] of Object.entries(change.added)) added[name] = (added[name] ?? 0) - delta
      }
      const isDone = Object.keys(back).length + Object.keys(added).length > 0
      if (isDone) {
        const values = Object.fromEntries(Object.entries(back).map(([name, { value }]) => [name, value]))
        const change = apply(values, added)
        for (const [name, { stamp }] of Object.entries(back)) {
          me.restored[`${name} ${change.stamp}`] = origin(name, stamp)
        }
        to.push([change])
      }
      return { isDone, superseded: [...superseded].sort() }
    },
    reload(tab) {
      all.tabs[tab]!.isOpen = false
    },
    copy: () => modelOf(structuredClone(all)),
  }
}
