/** A random id. Not `crypto.randomUUID`, which is missing where a page is served without TLS from anywhere but localhost. */
export const randomId = (): string => Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('');
