"""The components as a Pulumi component provider: for programs in TypeScript, Go, C#, Java and YAML."""

from spendgate_components.provider import main

main()
