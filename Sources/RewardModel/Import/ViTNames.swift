/// What the image encoder's tensors are called in Hugging Face checkpoints.
///
/// Ours are the names on disk since transformers 4. A `state_dict` taken in transformers 5 has the new ones.
enum ViTNames {
    private static let renamed = [
        ("encoder.layer.", "layers."), ("attention.attention.query", "attention.q_proj"),
        ("attention.attention.key", "attention.k_proj"), ("attention.attention.value", "attention.v_proj"),
        ("attention.output.dense", "attention.o_proj"), ("intermediate.dense", "mlp.fc1"), ("output.dense", "mlp.fc2"),
    ]

    /// Prefixes of the numbered layers.
    static func layers(_ prefix: String) -> [String] { ["\(prefix)encoder.layer.", "\(prefix)layers."] }

    /// Names that one of our `vit.…` tensors may have in a checkpoint that puts `prefix` before them.
    static func names(_ ours: String, prefix: String) -> [String] {
        let name = ours.dropFirst("vit.".count)
        var new = String(name)
        for (old, replacement) in renamed { new.replace(old, with: replacement) }
        return ["\(prefix)\(name)", "\(prefix)\(new)"]
    }

    /// Tensors of a ViT that scoring does not need.
    static func isUnused(_ name: String, prefix: String) -> Bool {
        guard name.hasPrefix(prefix) else { return false }
        return ["pooler.dense.weight", "pooler.dense.bias", "embeddings.position_ids", "embeddings.mask_token"]
            .contains(String(name.dropFirst(prefix.count)))
    }
}
