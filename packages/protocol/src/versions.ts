import { OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION } from './limits.ts'

/** The protocol versions a party speaks: all from `oldest` to `protocol`. */
export interface SpokenVersions {
  readonly protocol: number
  readonly oldest: number
}

const OURS: SpokenVersions = { protocol: PROTOCOL_VERSION, oldest: OLDEST_PROTOCOL_VERSION }

/**
 * The version that a relay and the client of a `hello` speak: the newest that both know. When there is none, the message for
 * the failure `protocol-version`, which says who must be updated.
 *
 * @example
 * import { agreeProtocol } from '@syncline/protocol'
 *
 * expect(agreeProtocol({ protocol: 3, oldest: 2 }, { protocol: 2, oldest: 1 })).toEqual({ protocol: 2 })
 * expect(agreeProtocol({ protocol: 3, oldest: 3 }, { protocol: 2, oldest: 1 })).toEqual({
 *   message: 'The client speaks protocol versions 3 to 3, the relay 1 to 2. Update the relay.',
 * })
 */
export function agreeProtocol(
  client: SpokenVersions,
  relay: SpokenVersions = OURS,
): { readonly protocol: number } | { readonly message: string } {
  const protocol = Math.min(client.protocol, relay.protocol)
  if (protocol >= client.oldest && protocol >= relay.oldest) return { protocol }
  const late = client.protocol < relay.protocol ? 'app, or reload it to get the newer one' : 'relay'
  return {
    message:
      `The client speaks protocol versions ${client.oldest} to ${client.protocol}, ` +
      `the relay ${relay.oldest} to ${relay.protocol}. Update the ${late}.`,
  }
}
