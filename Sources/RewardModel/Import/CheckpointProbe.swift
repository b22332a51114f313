/// Reads a checkpoint to its last value, for tests of the readers alone.
package enum CheckpointProbe {
    /// The number of values in all tensors of float types; every one of them is read.
    ///
    /// - Throws: `ImportError`, as an import of the file would.
    package static func valueCount(path: String) throws(ImportError) -> Int {
        let checkpoint = try Checkpoint(file: path)
        return checkpoint.tensors.values.filter { $0.dtype.size != nil }.reduce(0) { $0 + $1.floats().count }
    }
}
