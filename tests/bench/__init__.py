"""A test bench with known joules: RAPL and NVML whose readings are a closed-form curve's."""
