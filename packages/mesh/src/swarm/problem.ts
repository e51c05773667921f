/** What Docker would refuse, or accept and suffer from, found while allocating. The loader gives it a position. */

export interface Problem {
  readonly level: "error" | "warning";
  readonly about: Subject;
  readonly message: string;
}

export type Subject =
  | { readonly kind: "network"; readonly network: string; readonly part: "name" }
  /** `index`: which of its subnets. */
  | {
      readonly kind: "network";
      readonly network: string;
      readonly part: "subnet" | "gateway" | "vni";
      readonly index: number;
    }
  | { readonly kind: "service" | "ports"; readonly service: string }
  | { readonly kind: "placement"; readonly task: string }
  /** A pinned address; `owner` is a task, a service (its virtual IP), or `lb-NET`, whose `key` is a node. */
  | { readonly kind: "address"; readonly owner: string; readonly key: string };
