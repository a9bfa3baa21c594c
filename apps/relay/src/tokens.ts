import { readFileSync } from 'node:fs'
import type { RelayOptions } from '@syncline/relay'
import { jwtAuthentication, rightsInClaim, type JSONWebKeySet, type JwtOptions } from '@syncline/relay/jwt'
import type { ProgramOptions } from './settings.ts'
import { UsageError } from './usage.ts'

/** How clients are asked who they are, and what they may do; undefined where they are not. Throws {@link UsageError}. */
export function tokensOf(options: ProgramOptions): Pick<RelayOptions, 'authenticate' | 'authorize'> | undefined {
  const { auth, jwks, jwtSecret, jwtIssuer, jwtAudience, jwtRights } = options
  if (jwks === undefined && jwtSecret === undefined) {
    if (jwtIssuer === undefined && jwtAudience === undefined && jwtRights === undefined) return undefined
    throw new UsageError('What tokens must have is said, and not who signs them: give --jwks or --jwt-secret.')
  }
  if (auth === 'none') throw new UsageError('With --auth none nobody is asked for a token: leave it or the keys out.')
  if (jwks !== undefined && jwtSecret !== undefined)
    throw new UsageError('Tokens are signed by the keys of --jwks or by --jwt-secret: give one of them.')
  return {
    authenticate: jwtAuthentication({
      keys: keysOf(jwks, jwtSecret),
      ...(jwtIssuer !== undefined && { issuer: jwtIssuer }),
      ...(jwtAudience !== undefined && { audience: jwtAudience }),
    }),
    ...(jwtRights !== undefined && { authorize: rightsInClaim(jwtRights) }),
  }
}

function keysOf(jwks: string | undefined, secretFile: string | undefined): JwtOptions['keys'] {
  if (jwks !== undefined && /^https?:/.test(jwks)) return new URL(jwks)
  try {
    if (jwks !== undefined) return JSON.parse(readFileSync(jwks, 'utf8')) as JSONWebKeySet
    const secret = readFileSync(secretFile!)
    if (secret.length < 32) throw new RangeError(`it has ${secret.length} bytes, and must have 32 or more`)
    return secret
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(`The keys of the tokens cannot be used: ${reason}`)
  }
}
