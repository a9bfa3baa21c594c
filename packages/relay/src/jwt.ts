import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from 'jose'
import type { Action, Authorize, Right } from './rights.ts'
import type { Admission } from './standing.ts'

export type { JSONWebKeySet } from 'jose'

/** Whose tokens are taken. */
export interface JwtOptions {
  /** The public keys of whoever issues them: the address of a JWKS, which is fetched when it is needed and again when a key is not there; or the JWKS itself; or a secret that both know, of 32 bytes or more. */
  readonly keys: URL | JSONWebKeySet | Uint8Array
  /** Who must have issued a token (`iss`); absent, anybody with the key. */
  readonly issuer?: string | readonly string[]
  /** For whom it must be (`aud`). Say it where the keys sign other tokens too. */
  readonly audience?: string | readonly string[]
  /** The claim that names the principal. */
  readonly principal?: string
  /** What time it is. */
  readonly nowMs?: () => number
}

const SHARED = ['HS256', 'HS384', 'HS512']
/** Never one of the above: what is public would be the secret. */
const PUBLIC = ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512']

/** What is wrong with a token itself, and not with finding that out. */
const FAULTS: ReadonlySet<string> = new Set([
  'ERR_JWT_CLAIM_VALIDATION_FAILED',
  'ERR_JWT_INVALID',
  'ERR_JWS_INVALID',
  'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  'ERR_JWKS_NO_MATCHING_KEY',
  'ERR_JWKS_MULTIPLE_MATCHING_KEYS',
  'ERR_JOSE_ALG_NOT_ALLOWED',
  'ERR_JOSE_NOT_SUPPORTED',
])

/**
 * The `authenticate` of a relay whose clients have JSON Web Tokens as credentials. A token must have an end (`exp`), after which the connection ends, and name its principal (`sub`).
 * Its claims come to `authorize`. Rejects, so that clients come back later, when the keys cannot be fetched.
 *
 * @example
 * import { jwtAuthentication } from '@syncline/relay/jwt'
 * import { SignJWT } from 'jose'
 *
 * const secret = crypto.getRandomValues(new Uint8Array(32))
 * const authenticate = jwtAuthentication({ keys: secret, audience: 'board' })
 * const token = await new SignJWT().setProtectedHeader({ alg: 'HS256' }).setSubject('ann').setAudience('board').setExpirationTime('5m').sign(secret)
 * expect(await authenticate(new TextEncoder().encode(token))).toMatchObject({ principal: 'ann' })
 * expect(await authenticate(new TextEncoder().encode(`${token}x`))).toEqual({ denied: 'Your token is not one for this relay. Sign in.' })
 */
export function jwtAuthentication({
  keys,
  issuer,
  audience,
  principal: claim = 'sub',
  nowMs = Date.now,
}: JwtOptions): (credential: Uint8Array) => Promise<Admission> {
  if (keys instanceof Uint8Array && keys.length < 32)
    throw new RangeError(`The secret of the tokens has ${keys.length} bytes; it must have 32 or more.`)
  const secret = keys instanceof Uint8Array ? keys : undefined
  const set = keys instanceof Uint8Array ? undefined : keySetOf(keys)
  const rules = {
    algorithms: secret === undefined ? PUBLIC : SHARED,
    requiredClaims: ['exp', claim],
    ...(issuer !== undefined && { issuer: [issuer].flat() }),
    ...(audience !== undefined && { audience: [audience].flat() }),
  }

  async function verified(token: string): Promise<Readonly<Record<string, unknown>>> {
    const now = { ...rules, currentDate: new Date(nowMs()) }
    const { payload } = set === undefined ? await jwtVerify(token, secret!, now) : await jwtVerify(token, set, now)
    return payload
  }

  return async (credential) => {
    if (credential.length === 0) return { denied: 'You have no token. Sign in.' }
    let claims
    try {
      claims = await verified(new TextDecoder().decode(credential))
    } catch (error) {
      const code = error instanceof errors.JOSEError ? error.code : undefined
      if (code === 'ERR_JWT_EXPIRED') return { denied: 'Your token is over. Sign in.' }
      if (code !== undefined && FAULTS.has(code)) return { denied: 'Your token is not one for this relay. Sign in.' }
      // Not the error itself, which may have more of the token than it should.
      throw new Error(`The keys of the tokens cannot be had: ${code ?? 'they do not answer'}.`)
    }
    const { [claim]: principal, exp } = claims
    if (typeof principal !== 'string' || principal === '')
      return { denied: `Your token does not say who you are ("${claim}"). Sign in.` }
    return { principal, untilMs: Number(exp) * 1000, claims }
  }
}

function keySetOf(keys: URL | JSONWebKeySet): JWTVerifyGetKey {
  return keys instanceof URL ? createRemoteJWKSet(keys) : createLocalJWKSet(keys)
}

/**
 * The `authorize` of a relay whose tokens say it: a claim that has, by the names of spaces, what their principal may do there, such as `{ "board": ["read", "write"], "team/*": ["read"] }`. A name that ends in `*` is of all
 * that begin so; of several names that fit the longest counts.
 */
export function rightsInClaim(claim: string): Authorize {
  return ({ claims }, space, action): Right => {
    const rights: unknown = isObject(claims) ? claims[claim] : undefined
    if (!isObject(rights)) return false
    const name = Object.keys(rights)
      .filter((each) => each === space || (each.endsWith('*') && space.startsWith(each.slice(0, -1))))
      .sort((one, other) => Number(other === space) - Number(one === space) || other.length - one.length)[0]
    const actions: unknown = name === undefined ? undefined : rights[name]
    return Array.isArray(actions) && actions.includes(action satisfies Action)
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
