//! The program that builds sandboxes, as small as it can be: what `cumulet sandbox-init` is to the binary.

fn main() {
    cumulet_functions::sandbox_init_main()
}
