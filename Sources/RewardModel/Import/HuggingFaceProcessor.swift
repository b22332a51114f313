import Glibc

/// `preprocessor_config.json` of a ViT's image processor.
struct HuggingFaceProcessor: Decodable {
    private var size: HuggingFaceViTConfig.Extent?
    private var imageMean: [Float]?
    private var imageStd: [Float]?
    private var resample: Int?
    private var doNormalize: Bool?
    private var doRescale: Bool?
    private var rescaleFactor: Double?
    private var doResize: Bool?
    private var doCenterCrop: Bool?

    enum CodingKeys: String, CodingKey {
        case size, resample
        case imageMean = "image_mean"
        case imageStd = "image_std"
        case doNormalize = "do_normalize"
        case doRescale = "do_rescale"
        case rescaleFactor = "rescale_factor"
        case doResize = "do_resize"
        case doCenterCrop = "do_center_crop"
    }

    /// Preprocessing for a model whose input has that side: the folder's own when it says, else the ViT's defaults
    /// (bilinear, mean and deviation 0.5).
    ///
    /// - Parameter published: the input's side before any change of it; the file must agree.
    static func imageConfig(
        folder: String, size: Int, published: Int
    ) throws(ImportError) -> ImageConfig {
        let path = "\(folder)/preprocessor_config.json"
        guard access(path, F_OK) == 0 else { return ImageConfig(size: size) }
        return try decodeJSON(HuggingFaceProcessor.self, path: path).resolved(size, published, path: path)
    }

    private func resolved(_ side: Int, _ published: Int, path: String) throws(ImportError) -> ImageConfig {
        func unsupported(_ reason: String) -> ImportError { .unsupported(path: path, reason: reason) }
        if doResize == false { throw unsupported("it does not resize: images of other sizes would not fit") }
        if doCenterCrop == true { throw unsupported("it crops; rahf squashes the whole image to the input's size") }
        if let size, size.side != published {
            throw unsupported("it resizes to \(size.width)×\(size.height), but the ViT takes \(published)×\(published)")
        }
        // Pixels in [0, 1] are what we normalise; 1/255 is written with few or many digits.
        if doRescale == false || abs((rescaleFactor ?? 1 / 255) * 255 - 1) > 1e-3 {
            throw unsupported("it does not rescale pixels by 1/255")
        }
        var config = ImageConfig(size: side)
        // Pillow's numbers for its filters.
        switch resample ?? 2 {
        case 2: config.resample = .bilinear
        case 3: config.resample = .bicubic
        default: throw unsupported("its resample is \(resample ?? 2), not 2 (bilinear) or 3 (bicubic)")
        }
        if doNormalize == false {
            (config.mean, config.std) = ([0, 0, 0], [1, 1, 1])
        } else {
            config.mean = imageMean ?? config.mean
            config.std = imageStd ?? config.std
        }
        return config
    }
}
