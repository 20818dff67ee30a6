"""What runs in a process of its own: loads, yardsticks, and Postroom inside a program. Started by `bench.child`."""
