"""Help for the tests of programs that use the SDK. With the package installed, pytest finds the fixtures by itself."""
