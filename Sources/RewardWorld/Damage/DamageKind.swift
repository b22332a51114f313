/// What generators do wrong, imitated.
package enum DamageKind: String, CaseIterable, Sendable, Codable {
    case elastic, smear, blur, duplicate, mirror, ghosting, stretch, flatten, grain, posterise, lines, bulge, wave,
        holes
    case fade, oversharpen, zoom, shards, crystals, fringe, scanlines
    case patchCopy = "patch_copy"
    case colourShift = "colour_shift"
    case jpegBlocks = "jpeg_blocks"
    case foreignPatch = "foreign_patch"
    case rowJitter = "row_jitter"
    case fillIn = "fill_in"
    case saltAndPepper = "salt_and_pepper"
    case kaleidoscope, melt, tear, shear, tiling, facets, emboss, hatching, stipple, thicken, outline, veins, stain
    case pixelSort = "pixel_sort"
    // Never trained on.
    case swirl, mosaic, seam, glyphs, checkerboard, solarise
    case blockShuffle = "block_shuffle"
    case rotatedPatch = "rotated_patch"

    /// Kinds kept for testing whether a model knows damage or only what it has seen.
    package static let test: [DamageKind] = [
        .swirl, .mosaic, .seam, .glyphs, .checkerboard, .solarise, .blockShuffle, .rotatedPatch,
    ]
    package static let train: [DamageKind] = allCases.filter { !test.contains($0) }
}
