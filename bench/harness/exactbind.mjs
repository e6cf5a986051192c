// This package for bench/peers/, whose modules cannot name it: they have a package.json of their own.
export { BoundSocket, inspectPort, inspectPortSync, listen, portRange } from 'exactbind';
