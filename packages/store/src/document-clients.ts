import type { Change, Policy, WriterId } from '@syncline/stm'

/** Under which Yjs clients the sessions of this browser write, and under which writer each of them did so first. */
export interface DocumentClients {
  /** The clients under which the author of a Change writes in it, made here, and their owners. */
  in(change: Change): ReadonlyMap<number, WriterId>
  /** Takes note of the clients of a Change and their owners. */
  note(clients: ReadonlyMap<number, WriterId>): void
  /** The same of a Change that is refused: it may be applied again. */
  refuse(clients: ReadonlyMap<number, WriterId>): void
  readonly owners: ReadonlyMap<number, WriterId>
  readonly ofRefused: ReadonlySet<number>
}

/** Knows of no client yet. */
export function createDocumentClients(policyOf: (tag: string) => Policy | undefined): DocumentClients {
  const owners = new Map<number, WriterId>()
  const ofRefused = new Set<number>()
  /** Those of the last Change that had one. */
  let last = noOwners

  function withClient(
    clients: ReadonlyMap<number, WriterId>,
    client: number,
    writer: WriterId,
  ): ReadonlyMap<number, WriterId> {
    const owner = owners.get(client)
    if (owner === undefined) owners.set(client, writer)
    // Who types has the same one with each Change.
    if (clients.size === 0 && last.get(client) === (owner ?? writer)) return last
    const more = new Map(clients).set(client, owner ?? writer)
    if (more.size === 1) last = more
    return more
  }

  function note(clients: ReadonlyMap<number, WriterId>): void {
    for (const [client, owner] of clients) if (!owners.has(client)) owners.set(client, owner)
  }

  return {
    in({ writer, ops }) {
      let clients = noOwners
      for (const { tag, payload } of ops) {
        const policy = policyOf(tag)
        for (const client of policy?.documents?.(payload) ?? noClients) clients = withClient(clients, client, writer)
        if (ofRefused.size === 0) continue
        for (const { client } of policy?.renaming?.written(payload) ?? noClients) {
          if (ofRefused.has(client)) clients = withClient(clients, client, writer)
        }
      }
      return clients
    },
    note,
    refuse(clients) {
      note(clients)
      for (const client of clients.keys()) ofRefused.add(client)
    },
    owners,
    ofRefused,
  }
}

const noClients: readonly never[] = []
const noOwners: ReadonlyMap<number, WriterId> = new Map()
