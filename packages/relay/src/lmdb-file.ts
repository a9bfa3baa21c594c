import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { reasonOf, RelayError } from './errors.ts'

/*
 * A file of LMDB's, read without LMDB. LMDB believes what stands in a page: where one is damaged it leaves out rows, gives older ones, or ends the process (SIGBUS beyond the end
 * of a file that was cut, SIGABRT at a page that was zeroed). Here each page is looked at before it is believed, so whoever reads learns what there is, and what there is not.
 *
 * The layout is that of `MDB_page_header`, `MDB_node`, `MDB_db` and `MDB_meta` in liblmdb/mdb.c, data version 2, as `lmdb` 3 brings it along.
 */

const META_BYTES = 4096
const HEADER_BYTES = 24
const NODE_BYTES = 8
const MAGIC = 0xbeef_c0de
const VERSION = 2

const BRANCH = 1
const LEAF = 2
const OVERFLOW = 4
const META = 8

/** Of a node: its value stands in pages of its own; its value is the root of a table. */
const BIG = 1
const TABLE = 2

const DB_BYTES = 48
const OVERFLOW_REF_BYTES = 24
const NO_PAGE = 0xffff_ffff_ffff_ffffn

/** Deeper is no tree: each level has two pages at least for each of the one above. */
const MAX_DEPTH = 32

/** A row of a table, as views of what was read. */
export interface Row {
  readonly key: Buffer
  readonly value: Buffer
}

/** A part of a table that cannot be read: the rows after `after` and before `before`, if there are any; undefined where the table begins or ends. */
export interface Hole {
  /** The name of the table; `tables` is that of all of them, `free pages` what LMDB writes next to. */
  readonly table: string
  readonly page: number
  readonly why: string
  readonly after: Buffer | undefined
  readonly before: Buffer | undefined
}

/** Where a table begins, and what LMDB counts of it. */
interface Tree {
  readonly table: string
  readonly depth: number
  readonly entries: number
  /** Undefined when it is empty. */
  readonly root: number | undefined
}

/** A page that has yet to be looked at, and between which keys all of its have to be. */
interface Visit {
  readonly number: number
  readonly level: number
  readonly from: Buffer | undefined
  readonly to: Buffer | undefined
}

/** What one transaction left in a file of LMDB's. */
export class LmdbFile {
  readonly #fd: number
  readonly #bytes: number
  readonly #pageBytes: number
  readonly #lastPage: number
  readonly #transaction: bigint
  readonly #free: Tree
  readonly #main: Tree
  /** The pages that were met so far: each belongs to one thing. */
  readonly #met: Uint8Array

  /**
   * Opens a file at its newest transaction. Throws `RelayError`: `data-missing` when there is none, `damaged` when its first two pages are not to be believed, so that nobody
   * can say which transaction that is.
   */
  constructor(path: string) {
    this.#fd = openToRead(path)
    try {
      this.#bytes = fstatSync(this.#fd).size
      const metas = [0, 1].map((number) => this.#meta(number, path))
      const [newest, other] = metas[0]!.transaction > metas[1]!.transaction ? metas : metas.toReversed()
      // Transactions take turns. Before the first one both say 0.
      const isInTurn =
        newest!.transaction === 0n ||
        (newest!.transaction - other!.transaction === 1n && newest!.transaction % 2n === BigInt(newest!.number))
      if (!isInTurn || newest!.pageBytes < 512 || newest!.pageBytes > 65_536) throw unfit(path)
      this.#pageBytes = newest!.pageBytes
      this.#transaction = newest!.transaction
      this.#lastPage = newest!.lastPage
      this.#free = newest!.free
      this.#main = newest!.main
      this.#met = new Uint8Array(this.#lastPage + 1)
    } catch (error) {
      closeSync(this.#fd)
      throw error
    }
  }

  close(): void {
    closeSync(this.#fd)
  }

  /**
   * The rows of a table, ascending by key; what cannot be read is added to `holes`. Without `bodies` the value of a row that stands in pages of its own is left empty.
   * A table that is not there has no rows.
   */
  *rows(table: string, holes: Hole[], bodies = true): Iterable<Row> {
    this.#met.fill(0)
    const tree = this.#trees(holes).get(table)
    if (tree !== undefined) yield* this.#rows(tree, holes, bodies)
  }

  /** Of which transaction this is what it left. */
  get transaction(): bigint {
    return this.#transaction
  }

  /**
   * Looks at all of the file, and gives what is wrong, in holes; into long values only of tables of which it is said what is sound. Each page belongs to one thing, or to those that are free: so a page that stands in
   * the place of another, as whole as it may be, is found. A row that is not sound is a hole between those beside it: it may have had any key there.
   */
  check(isSound: Readonly<Record<string, (row: Row) => boolean>> = {}): readonly Hole[] {
    const holes: Hole[] = []
    this.#met.fill(0)
    this.#meetFree(holes)
    for (const tree of this.#trees(holes).values()) {
      const { table, root = 0 } = tree
      const found: Hole[] = []
      let count = 0
      let after: Buffer | undefined
      let isBroken = false
      const close = (before: Buffer | undefined): void => {
        if (isBroken)
          found.push({ table, page: root, why: 'leads to rows that are not what was written', after, before })
        isBroken = false
      }
      const isFine = isSound[table]
      for (const row of this.#rows(tree, found, isFine !== undefined)) {
        count += 1
        if (isFine === undefined || isFine(row)) {
          close(row.key)
          after = row.key
        } else isBroken = true
      }
      close(undefined)
      if (found.length === 0 && count !== tree.entries) {
        const why = `has ${count} rows and counts ${tree.entries}`
        found.push({ table, page: root, why, after: undefined, before: undefined })
      }
      holes.push(...found)
    }
    return holes
  }

  #trees(holes: Hole[]): ReadonlyMap<string, Tree> {
    const trees = new Map<string, Tree>()
    for (const { key, value } of this.#rows(this.#main, holes, true, TABLE)) {
      // Names end with a zero byte.
      const table = key.toString('latin1', 0, key.length - 1)
      trees.set(table, treeAt(value, 0, table))
    }
    return trees
  }

  #meetFree(holes: Hole[]): void {
    const free = this.#free
    if (free.root === undefined) return
    for (const { value } of this.#rows(free, holes, true)) {
      const count = value.length < 8 ? -1 : Number(value.readBigInt64LE(0))
      if (count < 0 || 8 * (count + 1) > value.length) {
        holes.push({ table: free.table, page: free.root, why: 'has no list', after: undefined, before: undefined })
        continue
      }
      for (let i = 1; i <= count; i++) {
        const entry = Number(value.readBigInt64LE(8 * i))
        // Nothing, a page, or so many pages from the next entry on.
        if (entry === 0) continue
        const [first, pages] = entry > 0 ? [entry, 1] : [Number(value.readBigInt64LE(8 * Math.min(++i, count))), -entry]
        const why = this.#meet(first, pages)
        if (why !== undefined) holes.push({ table: free.table, page: first, why, after: undefined, before: undefined })
      }
    }
  }

  /** Notes that pages belong to something; says why they cannot. */
  #meet(first: number, pages: number): string | undefined {
    if (!(first > 1 && pages > 0 && first + pages - 1 <= this.#lastPage)) return 'is beyond the end'
    for (let page = first; page < first + pages; page++) {
      if (this.#met[page] === 1) return 'stands in two places'
      this.#met[page] = 1
    }
    return undefined
  }

  *#rows(tree: Tree, holes: Hole[], bodies: boolean, kind = 0): Iterable<Row> {
    if (tree.root === undefined) return
    const todo: Visit[] = [{ number: tree.root, level: 1, from: undefined, to: undefined }]
    let after: Buffer | undefined
    for (let visit = todo.pop(); visit !== undefined; visit = todo.pop()) {
      const found = this.#look(tree, visit, kind)
      if (typeof found === 'string') {
        holes.push({ table: tree.table, page: visit.number, why: found, after, before: visit.to })
      } else if (found.isLeaf) {
        for (const { key, value, big } of found.nodes) {
          const body = big === undefined ? value : this.#big(big, bodies)
          if (typeof body === 'string')
            holes.push({ table: tree.table, page: big!.page, why: body, after: key, before: key })
          else yield { key, value: body }
          after = key
        }
      } else {
        const { children } = found
        for (let i = children.length - 1; i >= 0; i--) {
          const { page, key } = children[i]!
          const to = i + 1 < children.length ? children[i + 1]!.key : visit.to
          todo.push({ number: page, level: visit.level + 1, from: i === 0 ? visit.from : key, to })
        }
      }
    }
  }

  /** Reads a page of a tree, and believes nothing. */
  #look(tree: Tree, visit: Visit, kind: number): string | Leaf | Branch {
    const { number, level, from, to } = visit
    const strange = this.#meet(number, 1)
    if (strange !== undefined) return strange
    const page = this.#read(number * this.#pageBytes, this.#pageBytes)
    if (page === undefined) return 'is beyond the end of the file'
    if (Number(page.readBigUInt64LE(0)) !== number) return 'is not what was written'
    const flags = page.readUInt16LE(18)
    const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)]
    const room = this.#pageBytes - HEADER_BYTES
    if ((flags !== BRANCH && flags !== LEAF) || lower > upper || upper > room || lower % 2 === 1 || lower === 0) {
      return 'is not what was written'
    }
    if (level > MAX_DEPTH || (flags === LEAF) !== (level === tree.depth)) return 'stands at another level'
    if (page.readBigUInt64LE(8) > this.#transaction) return 'is newer than the file'
    const nodes: Node[] = []
    const children: { readonly page: number; readonly key: Buffer }[] = []
    const order = tree === this.#free ? byNumber : Buffer.compare
    let last: Buffer | undefined
    for (let i = 0; i < lower / 2; i++) {
      const at = page.readUInt16LE(HEADER_BYTES + 2 * i)
      if (at < upper || at + NODE_BYTES > room) return 'has a row outside of itself'
      const node = HEADER_BYTES + at
      const [low, nodeFlags, keyBytes] = [
        page.readUInt32LE(node),
        page.readUInt16LE(node + 4),
        page.readUInt16LE(node + 6),
      ]
      const end = at + NODE_BYTES + keyBytes
      if (end > room) return 'has a row outside of itself'
      const key = page.subarray(node + NODE_BYTES, node + NODE_BYTES + keyBytes)
      // The first key of a branch is not kept: it is that from which on the branch stands.
      const isOpen = flags === BRANCH && i === 0
      if (!isOpen) {
        const isBehind = last === undefined ? from === undefined || order(from, key) <= 0 : order(last, key) < 0
        if (!isBehind || (to !== undefined && order(key, to) >= 0)) return 'has keys that are out of order'
        last = key
      }
      if (flags === BRANCH) {
        children.push({ page: low + nodeFlags * 2 ** 32, key })
        continue
      }
      const isBig = nodeFlags === kind + BIG && kind === 0
      if (!isBig && nodeFlags !== kind) return 'is not what was written'
      const valueBytes = isBig ? OVERFLOW_REF_BYTES : low
      if (end + valueBytes > room || (kind === TABLE && valueBytes !== DB_BYTES)) return 'has a row outside of itself'
      const value = page.subarray(HEADER_BYTES + end, HEADER_BYTES + end + valueBytes)
      nodes.push({ key, value, big: isBig ? bigOf(value, low) : undefined })
    }
    return flags === LEAF ? { isLeaf: true, nodes } : { isLeaf: false, children }
  }

  /** A value that stands in pages of its own; or why it cannot be read. */
  #big({ page, pages, bytes }: Big, isWanted: boolean): Buffer | string {
    if (pages !== Math.floor((HEADER_BYTES - 1 + bytes) / this.#pageBytes) + 1) return 'is not as long as it says'
    const strange = this.#meet(page, pages)
    if (strange !== undefined) return strange
    const header = this.#read(page * this.#pageBytes, HEADER_BYTES)
    if (header === undefined || page + pages > this.#bytes / this.#pageBytes) return 'is beyond the end of the file'
    if (Number(header.readBigUInt64LE(0)) !== page || header.readUInt16LE(18) !== OVERFLOW)
      return 'is not what was written'
    return isWanted ? this.#read(page * this.#pageBytes + HEADER_BYTES, bytes)! : Buffer.alloc(0)
  }

  #meta(number: number, path: string): Meta {
    // The first meta page says how long pages are, and they are as long as those of the system, of 4 KiB or more.
    const at = number === 0 ? 0 : this.#meta(0, path).pageBytes
    const page = this.#read(at, META_BYTES)
    if (
      page === undefined ||
      page.readUInt16LE(18) !== META ||
      page.readUInt32LE(24) !== MAGIC ||
      page.readUInt32LE(28) !== VERSION
    ) {
      throw unfit(path)
    }
    const [lastPage, transaction] = [Number(page.readBigUInt64LE(144)), page.readBigUInt64LE(152)]
    const [free, main] = [treeAt(page, 48, 'free pages'), treeAt(page, 48 + DB_BYTES, 'tables')]
    // Where a page is damaged, any number may stand.
    if (!(lastPage > 0 && lastPage < 2 ** 40)) throw unfit(path)
    return { number, pageBytes: page.readUInt32LE(48), lastPage, transaction, free, main }
  }

  /** Bytes of the file; undefined where it ends before. Page by page, for what stands together in a table stands apart in the file. */
  #read(at: number, bytes: number): Buffer | undefined {
    if (at + bytes > this.#bytes) return undefined
    const found = Buffer.allocUnsafeSlow(bytes)
    return readSync(this.#fd, found, 0, bytes, at) === bytes ? found : undefined
  }
}

interface Meta {
  readonly number: number
  readonly pageBytes: number
  readonly lastPage: number
  readonly transaction: bigint
  readonly free: Tree
  readonly main: Tree
}

interface Leaf {
  readonly isLeaf: true
  readonly nodes: readonly Node[]
}

interface Branch {
  readonly isLeaf: false
  readonly children: readonly { readonly page: number; readonly key: Buffer }[]
}

interface Node extends Row {
  readonly big: Big | undefined
}

interface Big {
  readonly page: number
  readonly pages: number
  readonly bytes: number
}

function bigOf(value: Buffer, bytes: number): Big {
  return { page: Number(value.readBigUInt64LE(0)), pages: Number(value.readBigUInt64LE(16)), bytes }
}

function treeAt(page: Buffer, at: number, table: string): Tree {
  const root = page.readBigUInt64LE(at + 40)
  return {
    table,
    depth: page.readUInt16LE(at + 6),
    entries: Number(page.readBigUInt64LE(at + 32)),
    root: root === NO_PAGE ? undefined : Number(root),
  }
}

/** Numbers, little end first, as the list of free pages has them for keys. */
function byNumber(a: Buffer, b: Buffer): number {
  return a.length === 8 && b.length === 8 ? Number(a.readBigUInt64LE(0) - b.readBigUInt64LE(0)) : 1
}

function openToRead(path: string): number {
  try {
    if (!statSync(path).isFile()) throw new Error('it is no file')
    return openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new RelayError('data-missing', `There is no log of Syncline at ${path}. Look for the right folder.`)
    }
    throw new RelayError('data-unwritable', `${path} cannot be read: ${reasonOf(error)}. Look who may.`, {
      cause: error,
    })
  }
}

function unfit(path: string): RelayError {
  return new RelayError(
    'damaged',
    `${path} is not a log of Syncline, or its first pages are damaged. Restore it from a backup, or choose another folder.`,
  )
}
