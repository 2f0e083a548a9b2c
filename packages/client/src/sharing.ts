/**
 * What apps see of sharing: roles, people, invitations.
 */

/** What somebody is with an entity: a viewer reads it, an editor changes it too, and an admin also shares it. */
export type Role = 'viewer' | 'editor' | 'admin';

/**
 * With whom something is shared, and as what; see {@link Entity.share}. `expiresIn` is in seconds, a week unless given. `node` is for
 * organisations: where in it, unless it is the only node that is below nothing.
 */
export type Share =
  | { personId: string; role: Role; node?: string }
  | { everybody: true; role: 'viewer' | 'editor'; node?: string }
  | { link: true; role: Role; expiresIn?: number; node?: string }
  | { email: string; role: Role; expiresIn?: number; node?: string };

/** From whom it is taken; see {@link Entity.unshare}. Without a `node`, an organisation is taken from somebody everywhere in it. */
export type Unshare = { personId: string; node?: string } | { everybody: true; node?: string } | { invitation: string };

/** An invitation that stands: for who has that address, or for whoever has the link. */
export interface Invitation {
  /** Names it to `unshare`. */
  readonly id: string;
  /** What it makes of who accepts. */
  readonly role: Role;
  /** Whom it is for; absent for whoever has the link. */
  readonly email?: string;
  /** Of an organisation, where in it. */
  readonly node?: string;
  /** ISO 8601 in UTC. */
  readonly expiresAt: string;
}

/** Who is what with an entity. */
export interface People {
  /** The one who asks. */
  readonly role: Role;
  /** What whoever is signed in is; a viewer need not be. Absent where it is nobody's. */
  readonly everybody?: 'viewer' | 'editor';
  /** Those with a role by name. Empty for who has theirs as everybody has it. */
  readonly people: readonly {
    readonly personId: string;
    readonly role: Role;
    /** Set where they have it by more than this entity: by a node above in its organisation. */
    readonly inherited?: true;
    /** What they tell of themselves: the member `public` of their `person:{personId}`. */
    readonly public?: unknown;
  }[];
  /** To admins: what stands. */
  readonly invitations?: readonly Invitation[];
  /** To its members: the organisation that it is attached to. */
  readonly org?: string;
  /** And the node there. */
  readonly node?: string;
}

/** What {@link Client.accept} came to. */
export interface Accepted {
  /** What was shared. */
  readonly entityId: string;
  /** What this person is with it now. */
  readonly role: Role;
}

/** What an organisation is: the value of an entity `org:ID`, which is changed as any other. All members are optional. */
export interface Organisation {
  /** What people call it. */
  name?: string;
  /** By id: departments, teams, projects; what the app keeps of each. */
  nodes?: Record<string, object>;
  /** What is below what: `edges[parent][child]` is `true`. Roles hold for all below. */
  edges?: Record<string, Record<string, true>>;
  /** By person, what they are at which node. `*` is everybody. */
  grants?: Record<string, Record<string, Role>>;
  /** By entity, the node that it belongs to. */
  attached?: Record<string, string>;
}

/** One of {@link Client.orgs}. */
export interface Membership {
  /** `org:ID` */
  readonly entityId: string;
  /** What people call it. */
  readonly name?: string;
  /** The most that this person is there, at whatever node. */
  readonly role: Role;
}
