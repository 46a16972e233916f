"""Runs llama.cpp's own server (package xllamacpp) with a small GGUF, until standard input ends.

    python tests/media/providers/vendors/model_server.py MODEL.gguf [PORT]

Without PORT it takes a free port. Prints the address on the first line of standard output.
"""

import importlib
import sys


def main() -> None:
    xllamacpp = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    params.offline = True
    params.ui = False
    params.warmup = False
    params.n_ctx = 1024
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
